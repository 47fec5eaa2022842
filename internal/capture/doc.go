// Package capture is the server's side of the capture protocol
// (docs/protocol.md) as a state machine without I/O: messages and ticks in,
// effects out. It knows limits, order and clocks; it knows no socket, no store,
// no model and no policy. It also reads and writes the recording of an attempt.
//
// A capture is trusted no further than it can be checked: the client's clock
// orders its own events, and the server's clock bounds it.
package capture
