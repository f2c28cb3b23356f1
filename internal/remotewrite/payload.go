package remotewrite

import "sync"

// Payload follows what one call of [Queue.Add] brought, through all the batches it is spread over.
type Payload struct {
	parts   int    // batches that hold some of it; guarded by the queue's lock
	settled func() // called with the queue's lock

	mu   sync.Mutex
	err  error
	done chan struct{}
}

// Done is closed when all of the payload was delivered or given up.
func (p *Payload) Done() <-chan struct{} { return p.done }

// Err returns why some of the payload was given up, nil while none of it was.
func (p *Payload) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// settle takes one part off; the first error stays.
func (p *Payload) settle(err error) {
	if err != nil {
		p.mu.Lock()
		if p.err == nil {
			p.err = err
		}
		p.mu.Unlock()
	}
	p.parts--
	if p.parts == 0 {
		p.settled()
		close(p.done)
	}
}
