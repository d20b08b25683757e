"""OPC UA PubSub JSON in parts: the shapes of messages (shapes), and fields of four encodings (fields)."""
