package awsop

import "slices"

// Part is a part of an observed resource that takes a read of its own.
type Part int

// The parts.
const (
	PartTags         Part = iota // of a load balancer or target group; listeners and rules are read with theirs
	PartAttributes               // of a load balancer, target group or listener
	PartListeners                // of a load balancer
	PartRules                    // of a listener
	PartCertificates             // of a listener, those besides the default one: SNI
	PartTargets                  // of a target group of type alb
	partCount
)

// State says what may be concluded from a part of an observed resource.
type State int

// The states.
const (
	// Unread: nothing. The part is empty, whatever AWS holds.
	Unread State = iota
	// Assumed: an earlier process left the part in a checkpoint. It may show that nothing is to be done. Nothing is
	// written or deleted, and nothing is taken for absent, because of it: a plan of which any step may rest on it is not
	// executed.
	Assumed
	// Read: this process read or wrote the part. What is missing in it does not exist, unless others made it since.
	Read
)

// Parts are the states of the parts of a resource. They are not in its JSON: what is read from a file is Unread.
type Parts struct{ states [partCount]State }

// StateOf returns the state of a part.
func (p *Parts) StateOf(x Part) State { return p.states[x] }

// Known reports whether a part is read or assumed.
func (p *Parts) Known(x Part) bool { return p.states[x] != Unread }

// Set sets the state of parts.
func (p *Parts) Set(s State, parts ...Part) {
	for _, x := range parts {
		p.states[x] = s
	}
}

func (p *Parts) assumed() bool { return slices.Contains(p.states[:], Assumed) }

// Assumed reports whether any part of the observation is Assumed.
func (o *Observed) Assumed() bool {
	return slices.ContainsFunc(o.LoadBalancers, func(lb LoadBalancer) bool { return lb.assumed() }) ||
		slices.ContainsFunc(o.TargetGroups, func(tg TargetGroup) bool { return tg.assumed() }) ||
		slices.ContainsFunc(o.Listeners, func(l Listener) bool { return l.assumed() })
}
