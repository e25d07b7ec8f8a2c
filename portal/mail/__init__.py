"""What people are told by email: who, in which words, with which papers, and the way there."""
