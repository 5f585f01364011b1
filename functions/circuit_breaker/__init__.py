"""A circuit breaker: it stops a consumer while its downstream is down, and starts it again.

While most files fail, further deliveries don't help: each attempt uses up a receive, and the load
can keep the downstream from recovering. When the consumer's alarm goes into ALARM, the breaker
disables the event source mapping (open), and messages wait in the queue. After a cool-down, it
receives a few messages and invokes the function with them (half-open). If they succeed, it enables
the mapping (closed). Otherwise it returns the messages to the queue as new ones, and the circuit
stays open.

`circuit_breaker.breaker` decides, `circuit_state` stores the state, and `circuit_breaker.services`
calls AWS.
"""
