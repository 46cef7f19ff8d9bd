"""What may leave: floors and suppression. Pure, and used by every room above it."""
