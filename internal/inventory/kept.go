package inventory

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Deep is what is known of a stack below the level of listings, in a form that outlives the process. There is no secret in it: of what
// has one, nothing is in it.
type Deep struct {
	Listeners map[string][]elb.Listener `json:",omitempty"` // by ARN of the load balancer; an entry lists all
	Rules     map[string][]elb.Rule     `json:",omitempty"` // by ARN of the listener; likewise, default rules left out
	// Certificates are by ARN of the listener, those besides the default one.
	Certificates map[string][]string          `json:",omitempty"`
	Attributes   map[string]map[string]string `json:",omitempty"` // by ARN
	Targets      map[string][]elb.Target      `json:",omitempty"` // by ARN of the target group
	Tags         map[string]map[string]string `json:",omitempty"` // by ARN of the load balancer or target group
}

// Empty reports whether nothing is known.
func (d Deep) Empty() bool {
	return len(d.Listeners)+len(d.Rules)+len(d.Certificates)+len(d.Attributes)+len(d.Targets)+len(d.Tags) == 0
}

// Deep tells what is known of a stack below the level of listings. It is empty while the stack is in doubt. What it returns must not be
// changed.
func (i *Inventory) Deep(key stack.Key) Deep {
	i.mu.Lock()
	e := i.stacks[key]
	if e == nil || e.stale != 0 || len(e.suspects) > 0 {
		i.mu.Unlock()
		return Deep{}
	}
	o, knows := e.obs.Clone(), maps.Clone(e.knows)
	i.mu.Unlock()
	d := Deep{
		Listeners: map[string][]elb.Listener{}, Rules: map[string][]elb.Rule{}, Certificates: map[string][]string{},
		Attributes: map[string]map[string]string{}, Targets: map[string][]elb.Target{}, Tags: map[string]map[string]string{},
	}
	for _, lb := range o.LoadBalancers {
		if lb.Attributes != nil {
			d.Attributes[lb.ARN] = lb.Attributes
		}
		if knows.known(listenersOf, lb.ARN) {
			d.Listeners[lb.ARN] = []elb.Listener{}
		}
		d.Tags[lb.ARN] = lb.Tags
	}
	for _, tg := range o.TargetGroups {
		if tg.Attributes != nil {
			d.Attributes[tg.ARN] = tg.Attributes
		}
		if tg.Targets != nil {
			d.Targets[tg.ARN] = tg.Targets
		}
		d.Tags[tg.ARN] = tg.Tags
	}
	for _, l := range o.Listeners {
		d.addListener(l, knows)
	}
	for _, r := range o.Rules {
		if _, known := d.Rules[r.Listener.Literal]; known {
			d.Rules[r.Listener.Literal] = append(d.Rules[r.Listener.Literal], r)
		}
	}
	d.dropSecrets(o)
	for _, rs := range d.Rules {
		slices.SortFunc(rs, func(a, b elb.Rule) int { return cmp.Compare(a.ARN, b.ARN) })
	}
	for _, ls := range d.Listeners {
		slices.SortFunc(ls, func(a, b elb.Listener) int { return cmp.Compare(a.ARN, b.ARN) })
	}
	return d
}

func (d *Deep) addListener(l elb.Listener, knows knowledge) {
	lb := l.LoadBalancer.Literal
	if _, known := d.Listeners[lb]; !known {
		return
	}
	if knows.known(rulesOf, l.ARN) {
		d.Rules[l.ARN] = []elb.Rule{}
	}
	if knows.known(certificatesOf, l.ARN) {
		d.Certificates[l.ARN] = append([]string{}, l.SNI...)
	}
	if l.Attributes != nil {
		d.Attributes[l.ARN] = l.Attributes
	}
	l.SNI, l.Attributes = nil, nil
	d.Listeners[lb] = append(d.Listeners[lb], l)
}

// dropSecrets leaves out the lists in which anything signs users in: it would be read back without the client's credentials, and look
// as if it were changed.
func (d *Deep) dropSecrets(o elb.Observed) {
	for _, r := range o.Rules {
		if signsIn(r.Actions) {
			delete(d.Rules, r.Listener.Literal)
		}
	}
	for _, l := range o.Listeners {
		if signsIn(l.DefaultActions) {
			delete(d.Listeners, l.LoadBalancer.Literal)
		}
	}
}

func signsIn(as []stack.Action) bool {
	return slices.ContainsFunc(as, func(a stack.Action) bool { return a.OIDC != nil })
}

// Assume takes over what an earlier process knew, and wrote down at a time. It is for the first listing, which tells what of it still
// exists; later it has no effect. Of what a listing tells only tags are assumed, as they take a call for twenty resources.
func (i *Inventory) Assume(kept map[stack.Key]Deep, since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.listed.invalidations == 0 {
		i.kept, i.keptSince = kept, since
	}
}

// assume adds to an entry that has just been listed for the first time, with these tags, what an earlier process knew of it. i.mu is held.
func (i *Inventory) assume(e *entry, tags map[string]readTags) {
	d, ok := i.kept[e.obs.Key]
	if !ok {
		return
	}
	e.since = i.keptSince
	assume := func(a aspect, arn string) { e.knows[part{a, arn}] = assumed }
	assumeTags := func(arn string) {
		if tags[arn].assumed {
			assume(tagsOf, arn)
		}
	}
	e.obs = e.obs.Clone()
	o := &e.obs
	for n := range o.LoadBalancers {
		lb := &o.LoadBalancers[n]
		assumeTags(lb.ARN)
		if a := d.Attributes[lb.ARN]; a != nil {
			lb.Attributes = a
			assume(attributesOf, lb.ARN)
		}
		listeners, known := d.Listeners[lb.ARN]
		if !known {
			continue
		}
		assume(listenersOf, lb.ARN)
		for _, l := range listeners {
			if l.LoadBalancer.Literal != lb.ARN {
				continue
			}
			if sni, known := d.Certificates[l.ARN]; known {
				l.SNI = sni
				assume(certificatesOf, l.ARN)
			}
			if a := d.Attributes[l.ARN]; a != nil {
				l.Attributes = a
				assume(attributesOf, l.ARN)
			}
			if rules, known := d.Rules[l.ARN]; known {
				o.Rules = append(o.Rules, rules...)
				assume(rulesOf, l.ARN)
			}
			o.Listeners = append(o.Listeners, l)
		}
	}
	for n := range o.TargetGroups {
		tg := &o.TargetGroups[n]
		assumeTags(tg.ARN)
		if a := d.Attributes[tg.ARN]; a != nil {
			tg.Attributes = a
			assume(attributesOf, tg.ARN)
		}
		if ts, known := d.Targets[tg.ARN]; known {
			tg.Targets = ts
			assume(targetsOf, tg.ARN)
		}
	}
}

// Verify makes the next question about a stack read what is only assumed of it.
func (i *Inventory) Verify(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if e := i.stacks[key]; e != nil {
		e.forgetAssumed()
	}
}

// Assumed lists the stacks of which parts are only assumed.
func (i *Inventory) Assumed() []stack.Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []stack.Key
	for key, e := range i.stacks {
		if e.knows.assumes() {
			out = append(out, key)
		}
	}
	slices.SortFunc(out, func(a, b stack.Key) int { return cmp.Compare(a.String(), b.String()) })
	return out
}
