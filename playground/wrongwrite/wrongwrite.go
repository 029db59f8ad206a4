// Package wrongwrite finds calls to AWS that no object justifies: in a record of calls, and a history of the objects of
// a cluster. It says nothing about calls that are missing, and nothing about the values of modifications. It is pure,
// and may import awssim/gate.
package wrongwrite

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
)

// Version is an object from a time on, until its next version.
type Version struct {
	Time   time.Time
	Object string // kind, namespace and name
	// Stack is the value of the tag of what the object has in AWS; empty: the object has nothing there.
	Stack string
	Asks  bool   // it is there, and asks for its load balancer
	Spec  string // of the object and of others, what decides about listeners, rules and target groups
	// Endpoints are the addresses of an EndpointSlice, and whether each is ready.
	Endpoints map[string]bool
	// Address is that of a pod, and Ended whether the pod is being deleted or is gone.
	Address string
	Ended   bool
}

// Bounds are what a controller may be late.
type Bounds struct {
	// Late is how long ago that may have been which a controller acts by: its cache is late, it repeats calls, it waits in
	// a queue.
	Late time.Duration
	// Ahead is how much later than the controller the history may have noticed a change.
	Ahead time.Duration
}

// Find returns the successful calls that take away or make what no object justified, each with the reason. The calls
// have to begin with an empty account: what a resource belongs to is known by the call that made it.
func Find(history []Version, calls []gate.Call, b Bounds) (wrong []string) {
	j := judge{bounds: b, history: slices.Clone(history), owners: map[string]map[string]bool{}}
	slices.SortStableFunc(j.history, func(a, b Version) int { return a.Time.Compare(b.Time) })
	for _, c := range calls {
		if c.Failed() {
			continue
		}
		in, err := parse(c)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("call %d, %s: %v", c.Number, c.Action, err))
			continue
		}
		j.learn(c.Action, in)
		if why := j.wrong(c, in); why != "" {
			text, _ := json.Marshal(c.Input) // parse has done so
			wrong = append(wrong, fmt.Sprintf("call %d at %s, %s: %s: %s", c.Number, c.Time.Format("15:04:05.000"),
				c.Action, why, text))
		}
	}
	return wrong
}

// input are the parameters of all actions that say what a call is about.
type input struct {
	Name, GroupName, GroupId                              string //nolint:revive // as AWS names it
	LoadBalancerArn, ListenerArn, RuleArn, TargetGroupArn string
	ResourceArns, SecurityGroups                          []string
	Tags                                                  []tag
	TagSpecifications                                     []struct{ Tags []tag }
	Targets                                               []struct{ Id string } //nolint:revive // as AWS names it
}

type tag struct{ Key, Value string }

func parse(c gate.Call) (in input, err error) {
	text, err := json.Marshal(c.Input)
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	return in, err
}

// stack is the value of the tag that names the stack of a created resource, "" if there is none.
func (in input) stack() string {
	tags := slices.Clone(in.Tags)
	for _, s := range in.TagSpecifications {
		tags = append(tags, s.Tags...)
	}
	for _, t := range tags {
		if strings.HasSuffix(t.Key, ".k8s.aws/stack") {
			return t.Value
		}
	}
	return ""
}

// resource is what a call is about: a load balancer or a target group by its name, a security group by its id.
// Listeners and rules are their load balancer's.
func (in input) resource() string {
	arn := cmp.Or(in.RuleArn, in.ListenerArn, in.LoadBalancerArn, in.TargetGroupArn, in.GroupId)
	if arn == "" && len(in.ResourceArns) > 0 {
		arn = in.ResourceArns[0]
	}
	return named(arn)
}

// named is the resource of an ARN or of an id.
func named(arn string) string {
	fields := strings.SplitN(arn, ":", 6)
	if len(fields) < 6 {
		return arn
	}
	path := strings.Split(fields[5], "/")
	switch {
	case path[0] == "targetgroup" && len(path) > 1:
		return "target group " + path[1]
	case len(path) > 2: // loadbalancer/app/NAME/ID, listener/app/NAME/ID/ID, listener-rule/…
		return "load balancer " + path[2]
	}
	return arn
}

// judge knows which stacks a resource belongs to; a security group may belong to several.
type judge struct {
	bounds  Bounds
	history []Version
	owners  map[string]map[string]bool
}

// learn notes what a call makes.
func (j *judge) learn(action string, in input) {
	stack := in.stack()
	if stack == "" {
		return
	}
	note := func(resource string) {
		if j.owners[resource] == nil {
			j.owners[resource] = map[string]bool{}
		}
		j.owners[resource][stack] = true
	}
	switch action {
	case "CreateLoadBalancer":
		note("load balancer " + in.Name)
		for _, id := range in.SecurityGroups {
			note(id)
		}
	case "CreateTargetGroup":
		note("target group " + in.Name)
	}
}

// rules say what justifies a call, by its action: the longest prefix counts. Actions that are not here change values
// only.
var rules = map[string]func(*judge, gate.Call, input) string{
	"Create":              (*judge).asked,
	"CreateTags":          nil,
	"Authorize":           (*judge).asked,
	"RegisterTargets":     (*judge).known,
	"DeleteLoadBalancer":  (*judge).notAsked,
	"DeleteSecurityGroup": (*judge).notAsked,
	"DeleteListener":      (*judge).edited,
	"DeleteRule":          (*judge).edited,
	"DeleteTargetGroup":   (*judge).edited,
	"Delete":              (*judge).changed,
	"Revoke":              (*judge).changed,
	"Remove":              (*judge).edited,
	"DeregisterTargets":   (*judge).left,
}

// wrong is why a call is wrong, "" if it is not.
func (j *judge) wrong(c gate.Call, in input) string {
	for action := c.Action; action != ""; action = action[:len(action)-1] {
		if rule, ok := rules[action]; ok {
			if rule == nil {
				return ""
			}
			return rule(j, c, in)
		}
	}
	return ""
}

// state is what there was from a time on: the versions by object.
type state struct {
	from     time.Time
	versions map[string]Version
}

// states are those that a controller may act by at a time: the one of the time before Late, and all since.
func (j *judge) states(at time.Time) (all []state) {
	now := state{versions: map[string]Version{}}
	from, until := at.Add(-j.bounds.Late), at.Add(j.bounds.Ahead)
	for _, v := range j.history {
		if v.Time.After(until) {
			break
		}
		if v.Time.After(from) {
			all = append(all, state{now.from, maps.Clone(now.versions)})
		}
		now.from, now.versions[v.Object] = v.Time, v
	}
	return append(all, now)
}

// sometime reports whether a stack was asked for at some time that counts, or was asked for no more. Before its objects
// were made it was neither.
func (j *judge) sometime(at time.Time, stack string, asked bool) bool {
	return slices.ContainsFunc(j.states(at), func(s state) bool {
		known, is := false, false
		for _, v := range s.versions {
			known, is = known || v.Stack == stack, is || v.Stack == stack && v.Asks
		}
		return known && is == asked
	})
}

// of are the stacks that a call is about.
func (j *judge) of(in input) []string {
	if s := in.stack(); s != "" {
		return []string{s}
	}
	return slices.Sorted(maps.Keys(j.owners[in.resource()]))
}

// asked: what is made belongs to an object that there was; what belongs to no stack, such as the group of the backends,
// needs any object.
func (j *judge) asked(c gate.Call, in input) string {
	stacks := j.of(in)
	if len(stacks) == 0 {
		for _, v := range j.history {
			if v.Asks {
				stacks = append(stacks, v.Stack)
			}
		}
	}
	for _, s := range stacks {
		if j.sometime(c.Time, s, true) {
			return ""
		}
	}
	return fmt.Sprintf("no object asked for it (stacks %q)", stacks)
}

// notAsked: none of the objects that it belongs to asked for it.
func (j *judge) notAsked(c gate.Call, in input) string {
	stacks := j.of(in)
	if len(stacks) == 0 {
		return "no call of the record has made it"
	}
	for _, s := range stacks {
		if !j.sometime(c.Time, s, false) {
			return fmt.Sprintf("stack %q asks for it", s)
		}
	}
	return ""
}

// edited: the object that it belongs to was deleted, or has another Spec than it once had.
func (j *judge) edited(c gate.Call, in input) string {
	stacks := j.of(in)
	if len(stacks) == 0 {
		return "no call of the record has made it"
	}
	for _, s := range stacks {
		if j.changedBefore(c.Time, func(v Version) bool { return v.Stack == s }) {
			return ""
		}
	}
	return fmt.Sprintf("stack %q was not edited", stacks)
}

// changed: as edited; of what belongs to no stack, any object was.
func (j *judge) changed(c gate.Call, in input) string {
	if len(j.of(in)) > 0 {
		return j.edited(c, in)
	}
	if j.changedBefore(c.Time, func(v Version) bool { return v.Stack != "" }) {
		return ""
	}
	return "no object was edited"
}

// changedBefore reports whether an object was deleted, or got another Spec.
func (j *judge) changedBefore(at time.Time, of func(Version) bool) bool {
	first := map[string]Version{}
	for _, v := range j.history {
		if v.Time.After(at.Add(j.bounds.Ahead)) || !of(v) {
			continue
		}
		if before, ok := first[v.Object]; ok && (before.Asks && !v.Asks || before.Spec != v.Spec) {
			return true
		} else if !ok {
			first[v.Object] = v
		}
	}
	return false
}

// endpoint reports whether an address is an endpoint of any EndpointSlice, and a ready one. That of a pod which is
// being deleted is ready no more, although its slice may show this later.
func (s state) endpoint(address string) (is, ready bool) {
	ended, lives := false, false
	for _, v := range s.versions {
		r, ok := v.Endpoints[address]
		is, ready = is || ok, ready || r
		ended, lives = ended || v.Address == address && v.Ended, lives || v.Address == address && !v.Ended
	}
	return is, ready && (lives || !ended)
}

// known: each target was an endpoint.
func (j *judge) known(c gate.Call, in input) string {
	states := j.states(c.Time)
	for _, t := range in.Targets {
		if !slices.ContainsFunc(states, func(s state) bool { is, _ := s.endpoint(t.Id); return is }) {
			return "no EndpointSlice had " + t.Id
		}
	}
	return j.asked(c, in)
}

// left: each target was no ready endpoint any more, unless the stack was deleted or edited.
func (j *judge) left(c gate.Call, in input) string {
	states := j.states(c.Time)
	for _, t := range in.Targets {
		since, was := j.firstReady(t.Id)
		unready := func(s state) bool { _, ready := s.endpoint(t.Id); return !ready && !s.from.Before(since) }
		if was && !slices.ContainsFunc(states, unready) {
			if why := j.edited(c, in); why != "" {
				return t.Id + " is a ready endpoint, and " + why
			}
		}
	}
	return ""
}

// firstReady is when an address became a ready endpoint first.
func (j *judge) firstReady(address string) (time.Time, bool) {
	for _, v := range j.history {
		if v.Endpoints[address] {
			return v.Time, true
		}
	}
	return time.Time{}, false
}
