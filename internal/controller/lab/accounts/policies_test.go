package accounts

import (
	"cmp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// life is the life of a cluster.
type life struct {
	name   string
	lab    func(t *testing.T, prepare ...func(*lab.Lab)) *lab.Lab
	stages []lab.Stage
	wait   func(l *lab.Lab, d time.Duration)
	others []iampolicy.Feature // for what belongs to others, that its controller needs

	mu     sync.Mutex
	epochs []epoch // without trouble; nil = not known yet
}

// epoch is what an account holds after a stage.
type epoch struct {
	account string
	kept    map[string]bool // names of load balancers and target groups that were there before the stage
	called  []string        // IAM actions of the calls
}

// lives need, together, every call of the controller.
var lives = []*life{
	{name: "many", lab: func(t *testing.T, prepare ...func(*lab.Lab)) *lab.Lab {
		t.Helper()
		return lab.ManyLab(t, false, prepare...)
	}, stages: lab.LifeOfMany, wait: (*lab.Lab).ManyWait,
		others: []iampolicy.Feature{iampolicy.ForeignTargetGroups}},
	{name: "the rest", lab: lab.RestLab, stages: lifeOfTheRest, wait: (*lab.Lab).RestWait,
		others: []iampolicy.Feature{iampolicy.ForeignSecurityGroups, iampolicy.UntaggedListeners}},
}

// smallest is the smallest policy of its controller.
func (x *life) smallest(t *testing.T, partition string) iampolicy.Document {
	t.Helper()
	return lab.Besides(lab.EveryFeature(t, partition), lab.Beside(t, partition, x.others...))
}

// calm are the epochs of a life without trouble.
func (x *life) calm(t *testing.T) []epoch {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.epochs != nil {
		return x.epochs
	}
	var out []epoch
	l := x.lab(t)
	for _, stage := range x.stages {
		before, mark := l.Identities(), l.Mark()
		stage.Does(l)
		x.wait(l, 15*time.Minute)
		if told := l.Troubles(0); len(told) > 0 {
			t.Fatalf("%s, %s: %v", x.name, stage.Name, told)
		}
		e := epoch{account: l.Account(), kept: map[string]bool{}, called: l.Called(mark)}
		for name, arn := range l.Identities() {
			if before[name] == arn {
				e.kept[name] = true
			}
		}
		out = append(out, e)
	}
	x.epochs = out
	return out
}

// uncheckedActions are those of the smallest policy that AWS checks on the way of a call, and the simulator does not,
// and those that other tests need.
var uncheckedActions = map[string]string{
	"ec2:DescribeTags":                         "checked where a load balancer is created",
	"ec2:DescribeVpcPeeringConnections":        "checked where a load balancer is created",
	"elasticloadbalancing:DescribeSSLPolicies": "asked for where the table of TLS policies lacks a declared one",
	"iam:ListServerCertificates":               "checked where a listener with a certificate of IAM is created",
	"acm-pca:GetCertificate":                   "checked where a certificate of a private authority is requested",
	"acm-pca:IssueCertificate":                 "checked where a certificate of a private authority is requested",
	"acm-pca:ListPermissions":                  "checked where a certificate of a private authority is requested",
	"sts:AssumeRole": "no binding here names a role: " +
		"TestWithoutItsPermissionTheControllerAssumesNoRole",
	"tag:GetResources": "the gate is off: TestADeniedTaggingAPIIsReplacedByDescribeTags, in " +
		"internal/aws/inventory",
}

func TestTheSmallestPolicyHasNoActionThatNoCallNeeds(t *testing.T) {
	t.Parallel()
	full := lab.EveryFeature(t, "aws")
	var needed []string
	for _, life := range lives {
		var r *lab.Role
		l := life.lab(t, func(l *lab.Lab) { r = learn(l, life.smallest(t, "aws")) })
		for n, stage := range life.stages {
			stage.Does(l)
			r.During(func() { life.wait(l, 15*time.Minute) })
			l.JudgeAccount(stage.Name, life.calm(t)[n].account)
		}
		if len(r.Denied) > 0 {
			t.Errorf("%s: denied are %v", life.name, r.Denied)
		}
		needed = append(needed, r.Needed()...)
	}
	for _, s := range full.Statement {
		for _, a := range s.Action {
			if why := cmp.Or(uncheckedActions[a], uncheckedActions[s.Sid+" "+a]); (why != "") == slices.Contains(needed,
				s.Sid+" "+a) {
				t.Errorf("%s %s: is it needed? %v; said to be unchecked because %q", s.Sid, a, why != "", why)
			}
		}
	}
}

func TestTheLivesUnderPoliciesNeedEveryCallOfTheController(t *testing.T) {
	t.Parallel()
	called := map[string]bool{
		"sts:GetCallerIdentity": true, // needs no policy
		// of calls for rules and listeners, which TestTheSmallestPolicyHasNoActionThatNoCallNeeds shows
		"cognito-idp:DescribeUserPoolClient": true,
		"sts:AssumeRole":                     true, // TestABindingOfAnotherAccountIsServedByItsRole
		// TestTagsByTheTaggingAPIAreThoseOfDescribeTags, in internal/aws/inventory
		"tag:GetResources": true,
		"s3:GetObject":     true, // of calls for trust stores, the same
		// TestRefusedSettingIsFoundBeforeTheCall, in internal/front
		"elasticloadbalancing:DescribeSSLPolicies": true,
	}
	for _, x := range lives {
		for _, e := range x.calm(t) {
			for _, a := range e.called {
				called[a] = true
			}
		}
	}
	for _, o := range permission.Operations {
		if !called[o.Permission] && o.Service != awsclient.ServiceGlobalAccelerator { // accelerators have lives of their own
			t.Errorf("%s is not called", o.Permission)
		}
	}
}
