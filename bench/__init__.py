"""What the portal's figures are measured with: `make bench`."""
