package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
)

// role holds the controller of a lab to a policy while time passes, as IAM does. What tests call between is not held to it.
type role struct {
	mu       sync.Mutex
	lab      *lab
	within   bool // time passes
	document iampolicy.Document
	learned  iampolicy.Document // what of document a call has needed; only if learns
	learns   bool
	denied   map[string]int // denials by action
}

const roleKey = "AKIACONTROLLER000001"

// hold gives the controller a role with a policy.
func (l *lab) hold(d iampolicy.Document) *role {
	r := &role{lab: l, document: d, denied: map[string]int{}}
	l.sim.Account.Lock()
	l.sim.Account.AddUser(&account.User{Name: "controller", Path: "/", Keys: map[string]string{roleKey: ""}, Grants: account.Grants{Policies: attachedPolicies}})
	l.sim.Account.Unlock()
	r.put(d)
	l.calls = r.authorize
	return r
}

// learn gives the controller a role that may nothing yet: its policy grows by what of d each call needs.
func (l *lab) learn(d iampolicy.Document) *role {
	r := l.hold(d)
	r.learns = true
	r.learned = iampolicy.Document{Version: d.Version}
	for _, s := range d.Statement {
		s.Action = []string{"none:None"}
		r.learned.Statement = append(r.learned.Statement, s)
	}
	r.put(r.learned)
	return r
}

// change replaces the policy.
func (r *role) change(d iampolicy.Document) {
	r.document = d
	r.put(d)
}

func (r *role) put(d iampolicy.Document) {
	parts := []iampolicy.Document{{Version: d.Version}, {Version: d.Version}}
	for _, s := range d.Statement {
		more := iampolicy.Document{Version: d.Version, Statement: append(slices.Clone(parts[0].Statement), s)}
		if more.Length() <= iampolicy.Longest {
			parts[0] = more
		} else {
			parts[1].Statement = append(parts[1].Statement, s)
		}
	}
	if len(parts[1].Statement) == 0 {
		parts[1].Statement = []iampolicy.Statement{{Effect: "Allow", Action: []string{"none:None"}, Resource: iampolicy.Values{"*"}}}
	}
	for i, part := range parts {
		text, err := json.Marshal(part)
		r.lab.must(err)
		parsed, err := policy.ParseIdentity(text)
		r.lab.must(err)
		r.lab.sim.Account.Lock()
		r.lab.sim.Account.AddPolicy(&account.Policy{Name: attachedPolicies[i], Document: parsed})
		r.lab.sim.Account.Unlock()
	}
}

// attachedPolicies are the names of the policies of a role. IAM takes less in one than a controller may need.
var attachedPolicies = []string{"controller", "controller-beside"}

// during lets time pass under the policy.
func (r *role) during(pass func()) {
	set := func(on bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.within = on
	}
	set(true)
	defer set(false)
	pass()
}

var deniedAction = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)

func (r *role) authorize(ctx context.Context, service, action string, in any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.within {
		err := iam.Authorizer(r.lab.sim.Account)(ctx, service, action, roleKey, in)
		if err == nil {
			return nil
		}
		m := deniedAction.FindStringSubmatch(err.Error())
		if m == nil {
			return fmt.Errorf("a denial without an action: %w", err)
		}
		if r.learns && r.grow(m[1]) {
			continue
		}
		r.denied[m[1]]++
		return err
	}
	return nil
}

// grow allows an action by the next statement that has it, and reports whether there is one.
func (r *role) grow(action string) bool {
	for i, s := range r.document.Statement {
		if slices.Contains(s.Action, action) && !slices.Contains(r.learned.Statement[i].Action, action) {
			r.learned.Statement[i].Action = append(r.learned.Statement[i].Action, action)
			r.put(r.learned)
			return true
		}
	}
	return false
}

// needed are the actions of the policy that calls have needed: "SID ACTION".
func (r *role) needed() (out []string) {
	for i, s := range r.document.Statement {
		for _, a := range s.Action {
			if slices.Contains(r.learned.Statement[i].Action, a) {
				out = append(out, s.Sid+" "+a)
			}
		}
	}
	return out
}

// ofOthers are the features for what has no tag of the cluster.
var ofOthers = []iampolicy.Feature{iampolicy.ExistingBalancers, iampolicy.ForeignSecurityGroups, iampolicy.ForeignTargetGroups, iampolicy.UntaggedListeners}

// everyFeature is the smallest policy of the controller of a lab, with all features but those for what belongs to others, and accelerators, which have a policy and
// lives of their own (internal/controller/accelerator).
func everyFeature(t *testing.T, partition string, roles ...string) iampolicy.Document {
	t.Helper()
	o := iampolicy.Options{Partition: partition, Roles: roles, Cluster: "demo-cluster", VPC: labVPC, Bucket: "pki", Prefix: "trust-stores"}
	for _, f := range iampolicy.Features {
		if f.Name != iampolicy.GlobalAccelerator && !slices.Contains(ofOthers, f.Name) {
			o.Features = append(o.Features, f.Name)
		}
	}
	d, err := iampolicy.Minimal(iampolicy.Calls(), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// beside is what some features need, for a policy beside another one.
func beside(t *testing.T, partition string, features ...iampolicy.Feature) iampolicy.Document {
	t.Helper()
	d, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{Partition: partition, Cluster: "demo-cluster", VPC: labVPC, Features: features, Apart: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
