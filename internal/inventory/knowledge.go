package inventory

import (
	"maps"
	"time"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
)

// aspect is what one kind of read tells of a resource.
type aspect int

const (
	listenersOf    aspect = iota // a load balancer's listeners, with their tags
	rulesOf                      // a listener's rules, with their tags
	certificatesOf               // a listener's further certificates
	attributesOf                 // of a load balancer, target group or listener; where they are known, they are not nil either
	targetsOf                    // of a target group whose target a stack registers; likewise
	tagsOf                       // of a load balancer or target group; a listing reads them, so that unknown means verified
)

// part is one part of what is known of a stack.
type part struct {
	aspect aspect
	arn    string
}

// state says how far a part may be relied on.
type state int

const (
	unknown  state = iota // to be read
	assumed               // left by an earlier process: enough to do nothing
	verified              // read, or written, by this process
)

// knowledge is how far each part of a stack may be relied on; a part that it does not list is unknown.
type knowledge map[part]state

func (k knowledge) known(a aspect, arn string) bool { return k[part{a, arn}] != unknown }

func (k knowledge) verify(a aspect, arns ...string) {
	for _, arn := range arns {
		k[part{a, arn}] = verified
	}
}

func (k knowledge) assumes() bool {
	for _, s := range k {
		if s == assumed {
			return true
		}
	}
	return false
}

// keep forgets the parts of resources that are not listed.
func (k knowledge) keep(arns map[string]bool) {
	maps.DeleteFunc(k, func(p part, _ state) bool { return !arns[p.arn] })
}

// assumption is what to tell of an entry that rests on an earlier process.
func (e *entry) assumption() *elb.Assumption {
	if !e.knows.assumes() {
		return nil
	}
	return &elb.Assumption{Since: e.since}
}

// withoutAssumed is an observation without the parts that are only assumed: what a deletion of everything needs is in listings. Assumed tags
// stay: they say which resources are the stack's, and are read again before any of them is deleted (Disowned).
func (e *entry) withoutAssumed() elb.Observed {
	o := e.obs.Clone()
	if !e.knows.assumes() {
		return o
	}
	is := func(a aspect, arn string) bool { return e.knows[part{a, arn}] == assumed }
	o.Listeners, o.Rules = nil, nil
	lost := map[string]bool{} // listeners
	for _, l := range e.obs.Listeners {
		if is(listenersOf, l.LoadBalancer.Literal) {
			lost[l.ARN] = true
			continue
		}
		if is(certificatesOf, l.ARN) {
			l.SNI = nil
		}
		if is(attributesOf, l.ARN) {
			l.Attributes = nil
		}
		o.Listeners = append(o.Listeners, l)
	}
	for _, r := range e.obs.Rules {
		if !lost[r.Listener.Literal] && !is(rulesOf, r.Listener.Literal) {
			o.Rules = append(o.Rules, r)
		}
	}
	for n := range o.LoadBalancers {
		if is(attributesOf, o.LoadBalancers[n].ARN) {
			o.LoadBalancers[n].Attributes = nil
		}
	}
	for n := range o.TargetGroups {
		if is(attributesOf, o.TargetGroups[n].ARN) {
			o.TargetGroups[n].Attributes = nil
		}
		if is(targetsOf, o.TargetGroups[n].ARN) {
			o.TargetGroups[n].Targets = nil
		}
	}
	return o
}

// forgetAssumed makes the parts unknown that are only assumed, so that the next question reads them.
func (e *entry) forgetAssumed() {
	for p, s := range e.knows {
		if p.aspect == tagsOf && s == assumed {
			e.suspect(suspect{kind: kindOf(p.arn), id: p.arn, tags: true})
		}
	}
	e.obs = e.withoutAssumed()
	arns := map[string]bool{}
	for _, l := range e.obs.Listeners {
		arns[l.ARN] = true
	}
	for _, lb := range e.obs.LoadBalancers {
		arns[lb.ARN] = true
	}
	for _, tg := range e.obs.TargetGroups {
		arns[tg.ARN] = true
	}
	maps.DeleteFunc(e.knows, func(p part, s state) bool { return s == assumed || !arns[p.arn] })
	e.since = time.Time{}
}
