"""Home Assistant's MQTT discovery in parts: what a configuration says (config), and values by template (template)."""
