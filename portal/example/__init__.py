"""The example vendor's story: three accounts, made by the portal's own operations over months."""
