"""What the plugin static_file is made of: names, types and listings of files, and how files are read and sent."""
