"""A circuit breaker: it stops a consumer whose downstream is down, and finds out when it is up.

While most files fail, delivering more of them helps nobody: each try counts towards a message's
last, and load keeps the downstream from coming back. So when the consumer's alarm goes off, the
breaker disables its event source mapping (open), and the messages wait in the queue. After a
cool-down it takes a few of them and invokes the function with those alone (half-open). When they
succeed the mapping is enabled (closed), else the messages are put back as new ones and the circuit
stays open.

`circuit_breaker.breaker` decides, `circuit_state` remembers, `circuit_breaker.services`
acts.
"""
