"""What leaves on paper: invoices and credit notes as they are shown, set as PDF, and kept."""
