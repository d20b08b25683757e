"""Parts of the Connections page that are worked with: pending devices, conformance, trying a mapping."""
