"""What the local servers share: who may ask, how errors are answered, where they listen."""
