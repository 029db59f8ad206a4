package lab

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

// Role holds the controller of a lab to a policy while time passes, as IAM does. What tests call between is not held to
// it.
type Role struct {
	mu       sync.Mutex
	lab      *Lab
	within   bool // time passes
	document iampolicy.Document
	Learned  iampolicy.Document // what of document a call has needed; only if learns
	Learns   bool
	Denied   map[string]int // denials by action
}

const roleKey = "AKIACONTROLLER000001"

// Hold gives the controller a role with a policy.
func (l *Lab) Hold(d iampolicy.Document) *Role {
	r := &Role{lab: l, document: d, Denied: map[string]int{}}
	l.Sim.Account.Lock()
	l.Sim.Account.AddUser(&account.User{Name: "controller", Path: "/", Keys: map[string]string{roleKey: ""},
		Grants: account.Grants{Policies: attachedPolicies}})
	l.Sim.Account.Unlock()
	r.Put(d)
	l.Calls = r.authorize
	return r
}

// Change replaces the policy.
func (r *Role) Change(d iampolicy.Document) {
	r.document = d
	r.Put(d)
}

// Put replaces the policies of the role.
func (r *Role) Put(d iampolicy.Document) {
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
		parts[1].Statement = []iampolicy.Statement{
			{Effect: "Allow", Action: []string{"none:None"}, Resource: iampolicy.Values{"*"}}}
	}
	for i, part := range parts {
		text, err := json.Marshal(part)
		r.lab.Must(err)
		parsed, err := policy.ParseIdentity(text)
		r.lab.Must(err)
		r.lab.Sim.Account.Lock()
		r.lab.Sim.Account.AddPolicy(&account.Policy{Name: attachedPolicies[i], Document: parsed})
		r.lab.Sim.Account.Unlock()
	}
}

// attachedPolicies are the names of the policies of a role. IAM takes less in one than a controller may need.
var attachedPolicies = []string{"controller", "controller-beside"}

// During lets time pass under the policy.
func (r *Role) During(pass func()) {
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

func (r *Role) authorize(ctx context.Context, service, action string, in any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.within {
		err := iam.Authorizer(r.lab.Sim.Account)(ctx, service, action, roleKey, in)
		if err == nil {
			return nil
		}
		m := deniedAction.FindStringSubmatch(err.Error())
		if m == nil {
			return fmt.Errorf("a denial without an action: %w", err)
		}
		if r.Learns && r.grow(m[1]) {
			continue
		}
		r.Denied[m[1]]++
		return err
	}
	return nil
}

// grow allows an action by the next statement that has it, and reports whether there is one.
func (r *Role) grow(action string) bool {
	for i, s := range r.document.Statement {
		if slices.Contains(s.Action, action) && !slices.Contains(r.Learned.Statement[i].Action, action) {
			r.Learned.Statement[i].Action = append(r.Learned.Statement[i].Action, action)
			r.Put(r.Learned)
			return true
		}
	}
	return false
}

// Needed are the actions of the policy that calls have needed: "SID ACTION".
func (r *Role) Needed() (out []string) {
	for i, s := range r.document.Statement {
		for _, a := range s.Action {
			if slices.Contains(r.Learned.Statement[i].Action, a) {
				out = append(out, s.Sid+" "+a)
			}
		}
	}
	return out
}

// ofOthers are the features for what has no tag of the cluster.
var ofOthers = []iampolicy.Feature{iampolicy.ExistingBalancers, iampolicy.ForeignSecurityGroups,
	iampolicy.ForeignTargetGroups, iampolicy.UntaggedListeners}

// EveryFeature is the smallest policy of the controller of a lab, with all features but those for what belongs to
// others, and accelerators, which have a policy and lives of their own (internal/controller/accelerator).
func EveryFeature(t *testing.T, partition string, roles ...string) iampolicy.Document {
	t.Helper()
	o := iampolicy.Options{Partition: partition, Roles: roles, Cluster: "demo-cluster", VPC: VPC, Bucket: "pki",
		Prefix: "trust-stores"}
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

// Beside is what some features need, for a policy beside another one.
func Beside(t *testing.T, partition string, features ...iampolicy.Feature) iampolicy.Document {
	t.Helper()
	d, err := iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{Partition: partition, Cluster: "demo-cluster",
		VPC: VPC, Features: features, Apart: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
