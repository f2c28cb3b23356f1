package remotewrite

// neighbour is the labels that an encoder was given last, and the references of their symbols.
type neighbour struct {
	labels []Label
	refs   []uint32
	spare  []uint32
}

// next returns the references of labels, names and values in turns, and remembers both for the next. They are valid until
// then. See [Series.Differs].
func (n *neighbour) next(e *encoderV2, labels []Label, differs int) []uint32 {
	if differs > 0 && len(n.labels) == len(labels) {
		value := labels[differs-1].Value
		n.labels[differs-1].Value, n.refs[2*differs-1] = value, e.ref(value)
		return n.refs
	}
	refs := n.spare[:0]
	at := 0
	for i := range labels {
		l := &labels[i]
		for at < len(n.labels) && n.labels[at].Name != l.Name && n.labels[at].Name < l.Name {
			at++
		}
		switch {
		case at == len(n.labels) || n.labels[at].Name != l.Name:
			refs = append(refs, e.ref(l.Name), e.ref(l.Value))
		case n.labels[at].Value != l.Value:
			refs = append(refs, n.refs[2*at], e.ref(l.Value))
		default:
			refs = append(refs, n.refs[2*at], n.refs[2*at+1])
		}
	}
	n.labels = append(n.labels[:0], labels...)
	n.refs, n.spare = refs, n.refs
	return refs
}

func (n *neighbour) forget() {
	clear(n.labels)
	n.labels, n.refs = n.labels[:0], n.refs[:0]
}
