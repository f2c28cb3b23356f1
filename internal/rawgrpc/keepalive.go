package rawgrpc

import (
	"io"
	"math"
	"math/rand/v2"
	"time"
)

// Keepalive says how long connections live. The fields are those of gRPC's keepalive.ServerParameters and
// EnforcementPolicy, and so are the defaults that 0 stands for.
type Keepalive struct {
	// MaxConnectionIdle ends a connection without calls. 0: never.
	MaxConnectionIdle time.Duration
	// MaxConnectionAge ends a connection, a tenth earlier or later; calls that have begun have MaxConnectionAgeGrace to end.
	// 0: never.
	MaxConnectionAge, MaxConnectionAgeGrace time.Duration
	// Time is after how much silence a client is pinged (0: 2h), Timeout how long it has to answer (0: 20s).
	Time, Timeout time.Duration
	// MinTime is how often a client may ping (0: 5m), PermitWithoutStream whether it may without a call.
	MinTime             time.Duration
	PermitWithoutStream bool
}

const never = time.Duration(math.MaxInt64)

func (k *Keepalive) setDefaults() {
	set := func(to *time.Duration, d time.Duration) {
		if *to <= 0 {
			*to = d
		}
	}
	set(&k.MaxConnectionIdle, never)
	set(&k.MaxConnectionAge, never)
	set(&k.MaxConnectionAgeGrace, never)
	set(&k.Time, 2*time.Hour)
	set(&k.Timeout, 20*time.Second)
	set(&k.MinTime, 5*time.Minute)
}

// pingStrikesMax is how many pings too early are forgiven, pingsWithoutCalls how often a client may ping without a call
// that is not permitted to.
const (
	pingStrikesMax    = 2
	pingsWithoutCalls = 2 * time.Hour
)

// keepaliveState is a connection's.
type keepaliveState struct {
	ends     time.Time // for its age; zero: never
	cut      time.Time // when calls that have begun are cut off; zero: never
	pinged   time.Time // zero: no answer is awaited
	lastPing time.Time // of the client
	strikes  int
}

func (k *keepaliveState) begin(now time.Time, o *Keepalive) {
	if o.MaxConnectionAge < never {
		k.ends = now.Add(o.MaxConnectionAge + time.Duration((rand.Float64()-0.5)/5*float64(o.MaxConnectionAge)))
	}
}

// tooManyPings counts a client's ping against it where it comes too early.
func (k *keepaliveState) tooManyPings(now time.Time, hasCalls bool, o *Keepalive) bool {
	least := o.MinTime
	if !hasCalls && !o.PermitWithoutStream {
		least = pingsWithoutCalls
	}
	if !k.lastPing.IsZero() && now.Sub(k.lastPing) < least {
		k.strikes++
	}
	k.lastPing = now
	return k.strikes > pingStrikesMax
}

// onTimer does what is due; an error ends the connection.
func (k *keepaliveState) onTimer(c *conn, now time.Time, o *Keepalive) error {
	lastRead := time.Unix(0, c.lastRead.Load())
	switch {
	case !k.pinged.IsZero() && !lastRead.Before(k.pinged): // it was silent before
		k.pinged = time.Time{}
	case !k.pinged.IsZero() && now.Sub(k.pinged) >= o.Timeout:
		return io.ErrUnexpectedEOF
	}
	if !k.cut.IsZero() && !now.Before(k.cut) {
		return io.EOF
	}
	aged := !k.ends.IsZero() && !now.Before(k.ends)
	idle := len(c.streams) == 0 && now.Sub(c.quiet) >= o.MaxConnectionIdle // pings are no calls
	if (aged || idle) && !c.draining {
		c.drain()
		if aged && o.MaxConnectionAgeGrace < never {
			k.cut = now.Add(o.MaxConnectionAgeGrace)
		}
	}
	if k.pinged.IsZero() && now.Sub(lastRead) >= o.Time {
		k.pinged = now
		c.out = appendPing(c.out, 0, make([]byte, 8))
	}
	c.due.Store(k.next(c, now, o))
	return nil
}

// next returns when onTimer has something to do, in Unix nanoseconds.
func (k *keepaliveState) next(c *conn, now time.Time, o *Keepalive) int64 {
	at := time.Unix(0, c.lastRead.Load()).Add(o.Time)
	earlier := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if !k.pinged.IsZero() {
		at = k.pinged.Add(o.Timeout)
	}
	if !k.ends.IsZero() && !c.draining {
		earlier(k.ends)
	}
	if !k.cut.IsZero() {
		earlier(k.cut)
	}
	if o.MaxConnectionIdle < never && !c.draining {
		quiet := c.quiet
		if len(c.streams) > 0 {
			quiet = now
		}
		earlier(quiet.Add(o.MaxConnectionIdle))
	}
	return at.UnixNano()
}
