package inventory

import (
	"cmp"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Snapshot is the known state of a stack below the level of listings. Its JSON is in checkpoints, so it outlives the
// process. A missing part was not known. Parts that contain a secret are left out.
type Snapshot struct {
	Listeners map[string][]awsop.Listener `json:",omitempty"` // by ARN of the load balancer; an entry lists all
	Rules     map[string][]awsop.Rule     `json:",omitempty"` // by ARN of the listener; without default rules
	// Certificates are by ARN of the listener, those besides the default one.
	Certificates map[string][]string          `json:",omitempty"`
	Attributes   map[string]map[string]string `json:",omitempty"` // by ARN
	Targets      map[string][]awsop.Target    `json:",omitempty"` // by ARN of the target group
	Tags         map[string]map[string]string `json:",omitempty"` // by ARN of the load balancer or target group
}

func newSnapshot() Snapshot {
	return Snapshot{
		Listeners: map[string][]awsop.Listener{}, Rules: map[string][]awsop.Rule{}, Certificates: map[string][]string{},
		Attributes: map[string]map[string]string{}, Targets: map[string][]awsop.Target{},
		Tags: map[string]map[string]string{},
	}
}

// Empty reports whether nothing is known.
func (d Snapshot) Empty() bool {
	return len(d.Listeners)+len(d.Rules)+len(d.Certificates)+len(d.Attributes)+len(d.Targets)+len(d.Tags) == 0
}

// Snapshot returns what is known of a stack below the level of listings. It is empty while the stack is uncertain or
// invalid. The caller must not change it.
func (i *Inventory) Snapshot(key stack.Key) Snapshot {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil || e.invalid() || len(e.uncertain) > 0 {
		return Snapshot{}
	}
	o, d := &e.obs, newSnapshot()
	attributes := func(arn string, p *awsop.Parts, a map[string]string) {
		if p.Known(awsop.PartAttributes) {
			d.Attributes[arn] = a
		}
	}
	for _, lb := range o.LoadBalancers {
		if lb.Foreign { // no listing of the next process shows it
			continue
		}
		attributes(lb.ARN, &lb.Parts, lb.Attributes)
		if lb.Known(awsop.PartListeners) {
			d.Listeners[lb.ARN] = []awsop.Listener{}
		}
		d.Tags[lb.ARN] = lb.Tags
	}
	for _, tg := range o.TargetGroups {
		attributes(tg.ARN, &tg.Parts, tg.Attributes)
		if tg.Known(awsop.PartTargets) {
			d.Targets[tg.ARN] = tg.Targets
		}
		d.Tags[tg.ARN] = tg.Tags
	}
	for _, l := range o.Listeners {
		lb := l.LoadBalancer.Literal
		if _, known := d.Listeners[lb]; !known {
			continue
		}
		attributes(l.ARN, &l.Parts, l.Attributes)
		if l.Known(awsop.PartRules) {
			d.Rules[l.ARN] = []awsop.Rule{}
		}
		if l.Known(awsop.PartCertificates) {
			d.Certificates[l.ARN] = append([]string{}, l.SNI...)
		}
		l.SNI, l.Attributes = nil, nil
		d.Listeners[lb] = append(d.Listeners[lb], l)
	}
	for _, r := range o.Rules {
		if _, known := d.Rules[r.Listener.Literal]; known {
			d.Rules[r.Listener.Literal] = append(d.Rules[r.Listener.Literal], r)
		}
	}
	d.dropSecrets(*o)
	for _, rs := range d.Rules {
		slices.SortFunc(rs, func(a, b awsop.Rule) int { return cmp.Compare(a.ARN, b.ARN) })
	}
	for _, ls := range d.Listeners {
		slices.SortFunc(ls, func(a, b awsop.Listener) int { return cmp.Compare(a.ARN, b.ARN) })
	}
	return d
}

// dropSecrets removes the lists with actions that sign users in. Without the client's credentials, such an action would
// look like a change after it is restored.
func (d *Snapshot) dropSecrets(o awsop.Observed) {
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

// Kept is what an earlier process knew, and when it wrote that down.
type Kept struct {
	Stacks  map[stack.Key]Snapshot
	Foreign Foreigners
	Since   time.Time
}

// Assume restores what an earlier process knew. The first listing shows which of the resources still exist; after it,
// Assume has no effect. Of the resources that a listing shows, only tags are assumed, because they cost a call for each
// twenty resources. The first listing does not read the tags of foreign resources; the background reads them as if this
// process had read them when they were written down.
func (i *Inventory) Assume(kept Kept) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.listed.N == 0 {
		i.kept = kept
	}
}

// assume adds what an earlier process knew to an entry that has just been listed for the first time. The caller holds
// i.mu.
func (i *Inventory) assume(e *entry, tags map[string]readTags) {
	d, ok := i.kept.Stacks[e.obs.Key]
	if !ok {
		return
	}
	o := &e.obs
	for n := range o.LoadBalancers {
		if lb := &o.LoadBalancers[n]; tags[lb.ARN].assumed() {
			lb.Set(awsop.Assumed, awsop.PartTags)
		}
	}
	for n := range o.TargetGroups {
		if tg := &o.TargetGroups[n]; tags[tg.ARN].assumed() {
			tg.Set(awsop.Assumed, awsop.PartTags)
		}
	}
	d.putInto(o, awsop.Assumed)
}

// putInto adds the snapshot's parts to the resources of an observation, in a state. Tags are left out.
func (d Snapshot) putInto(o *awsop.Observed, state awsop.State) {
	attributes := func(arn string, p *awsop.Parts, into *map[string]string) {
		if a := d.Attributes[arn]; a != nil {
			*into = a
			p.Set(state, awsop.PartAttributes)
		}
	}
	for n := range o.LoadBalancers {
		lb := &o.LoadBalancers[n]
		attributes(lb.ARN, &lb.Parts, &lb.Attributes)
		if listeners, known := d.Listeners[lb.ARN]; known {
			of := func(l awsop.Listener) bool { return l.LoadBalancer.Literal == lb.ARN }
			o.Listeners = slices.DeleteFunc(o.Listeners, of)
			for _, l := range listeners {
				if of(l) {
					o.Listeners = append(o.Listeners, l)
				}
			}
			lb.Set(state, awsop.PartListeners)
		}
	}
	for n := range o.TargetGroups {
		tg := &o.TargetGroups[n]
		attributes(tg.ARN, &tg.Parts, &tg.Attributes)
		if ts, known := d.Targets[tg.ARN]; known {
			tg.Targets = ts
			tg.Set(state, awsop.PartTargets)
		}
	}
	for n := range o.Listeners {
		l := &o.Listeners[n]
		attributes(l.ARN, &l.Parts, &l.Attributes)
		if sni, known := d.Certificates[l.ARN]; known {
			l.SNI = sni
			l.Set(state, awsop.PartCertificates)
		}
		if rules, known := d.Rules[l.ARN]; known {
			of := func(r awsop.Rule) bool { return r.Listener.Literal == l.ARN }
			o.Rules = append(slices.DeleteFunc(o.Rules, of), rules...)
			l.Set(state, awsop.PartRules)
		}
	}
}
