"""Compare the speed of the runtime with alternatives and with a lower limit, in one run."""
