"""ROS messages other than JointState, as JSON: recognised by their shape."""
