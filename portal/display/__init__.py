"""How an account stands, made ready for its pages: values, nothing left to work out."""
