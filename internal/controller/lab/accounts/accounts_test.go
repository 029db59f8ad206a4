package accounts

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// labTrust lets the lab's key assume a role if it gives the external id.
const labTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"blue"}}}]}`

// accountsLab is a lab with a second account, whose VPC is peered with the cluster's, under an allow-list of roles. Its
// AWS is called by HTTP, under a key in the environment, whose user has the smallest policy of a controller for two
// roles.
func accountsLab(t *testing.T, roles ...string) *lab.Lab {
	t.Helper()
	own, err := lab.Besides(lab.EveryFeature(t, "aws", lab.RoleARN, lab.SecondRoleARN),
		lab.Beside(t, "aws", iampolicy.ForeignTargetGroups)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": lab.AccessKey, "AWS_SECRET_ACCESS_KEY": "x",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(k, v)
	}
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	f := seed.Default()
	f.VPC.Peers = []seed.Peer{{VPC: lab.OtherVPC, Account: lab.OtherAccount}}
	f.IAM.Policies = append(f.IAM.Policies, seed.Policy{Name: "Controller", Document: json.RawMessage(own)})
	f.IAM.Users = append(f.IAM.Users, seed.IAMUser{Name: "controller", Keys: []seed.AccessKey{{ID: lab.AccessKey}},
		Grants: seed.Grants{Policies: []string{"Controller"}}})
	grants := seed.Grants{Policies: []string{"Targets"}}
	f.Accounts = []seed.File{{
		Account: lab.OtherAccount, Region: f.Region,
		VPC: seed.VPC{ID: lab.OtherVPC, CIDR: "10.1.0.0/16", Peers: []seed.Peer{{VPC: f.VPC.ID, Account: f.Account}},
			Subnets: []seed.Subnet{{ID: "subnet-0a1de0000000002a1", Zone: "us-west-2a", CIDR: "10.1.0.0/20"}}},
		IAM: seed.IAM{
			Policies: []seed.Policy{
				{Name: "Targets",
					Document: json.RawMessage(
						`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":["ec2:DescribeAvailabilityZones",` +
							`"elasticloadbalancing:DescribeTargetGroups","elasticloadbalancing:DescribeTargetHealth","elasticloadbalancing:RegisterTargets","elasticloadbalancing:DeregisterTargets"]}]}`)}},
			Roles: []seed.Role{
				{Name: "targets", Trust: json.RawMessage(labTrust), Grants: grants},
				{Name: "second", Trust: json.RawMessage(labTrust), Grants: grants},
			},
		},
	}}
	sim, err := awssim.New(awssim.Options{Clock: l.Clock, Seed: &f})
	l.Must(err)
	l.Sim = sim
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	endpoints := map[string]string{}
	for _, service := range []string{awsclient.ServiceELBV2, awsclient.ServiceEC2, awsclient.ServiceACM,
		awsclient.ServiceSTS, awsclient.ServiceShield, awsclient.ServiceWAFv2} {
		endpoints[service] = server.URL
	}
	connection, err := awsclient.Connect(t.Context(), awsclient.ConnectOptions{Region: "us-west-2", VPC: l.Config.VPC,
		Endpoints: endpoints, Version: "v"})
	l.Must(err)
	l.Scopes = awsclient.NewScopes(connection, awsclient.ScopesOptions{Limiter: awsclient.LimiterOptions{Clock: l.Clock},
		Cluster: l.Config.ClusterName})
	clients, err := l.Scopes.Clients(l.Scopes.Own())
	l.Must(err)
	l.Remote, l.Config.AssumableRoles = &clients, roles
	l.Restart()
	l.Create(lab.Pods("a", "10.0.128.50")...)
	return l
}

// otherBinding makes a target group of the second account, and a binding for it that leaves all but the role to AWS.
func otherBinding(l *lab.Lab, name string) *v1beta1.TargetGroupBinding {
	l.Helper()
	out, err := l.Other().Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String(name), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(lab.OtherVPC),
	})
	l.Must(err)
	b := lab.Binding(aws.ToString(out.TargetGroups[0].TargetGroupArn), v1beta1.TargetTypeIP)
	b.Name, b.UID, b.Spec.VpcID, b.Spec.TargetGroupProtocol = name, "uid-"+b.UID, "", nil
	b.Spec.IamRoleArnToAssume, b.Spec.AssumeRoleExternalId = lab.RoleARN, "blue"
	return b
}

// otherTargets are the targets of a target group of the second account: "ADDRESS ZONE".
func otherTargets(l *lab.Lab, arn string) (out []string) {
	l.Helper()
	for _, g := range l.Other().Resources().TargetGroups {
		for _, t := range g.Targets {
			if g.ARN == arn && t.State != string(elbtypes.TargetHealthStateEnumDraining) {
				out = append(out, t.ID+" "+t.Zone)
			}
		}
	}
	slices.Sort(out)
	return out
}

// trusts replaces the trust policy of the second account's role, and ends its sessions.
func trusts(l *lab.Lab, document string) {
	l.Helper()
	trust, err := policy.ParseTrust([]byte(document))
	l.Must(err)
	a := l.Other().Account
	a.Lock()
	defer a.Unlock()
	a.Roles["targets"].Trust = trust
	for _, s := range a.Sessions {
		s.Expires = a.Clock.Now()
	}
}

func wantOther(l *lab.Lab, arn string, want ...string) {
	l.Helper()
	if got := otherTargets(l, arn); !slices.Equal(got, want) {
		l.Errorf("targets %v, want %v\n%s", got, want, strings.Join(l.Events, "\n"))
	}
}

func callsOf(l *lab.Lab, of *gate.Gate, action string) int {
	return len(of.Calls(gate.Filter{Action: action}))
}

// TestABindingOfAnotherAccountIsServedByItsRole has a binding in the peered VPC of another account from its creation to
// its end.
func TestABindingOfAnotherAccountIsServedByItsRole(t *testing.T) {
	l := accountsLab(t, "shop="+lab.RoleARN)
	b := otherBinding(l, "bound")
	l.Create(b)
	l.Settle()
	wantOther(l, b.Spec.TargetGroupARN, "10.0.128.50 all")
	l.Get(b, "bound")
	if b.Spec.VpcID != lab.OtherVPC || b.Spec.TargetGroupProtocol == nil || !meta.IsStatusConditionTrue(
		b.Status.Conditions, "Ready") {
		t.Errorf("%+v %+v", b.Spec, b.Status)
	}
	if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, []string{lab.Peer + " 8080-8080"}) {
		t.Errorf("the pods' security group admits %v", got)
	}
	if n := callsOf(l, l.Sim.Gate, "AssumeRole"); n != 1 {
		t.Errorf("%d calls of AssumeRole", n)
	}
	for _, action := range []string{"RegisterTargets", "DescribeTargetHealth", "DescribeTags"} {
		if n := callsOf(l, l.Sim.Gate, action); action != "DescribeTags" && n != 0 ||
			callsOf(l, l.Other().Gate, "DescribeTags") != 0 {
			t.Errorf("%d calls of %s in the cluster's account", n, action)
		}
	}
	for _, p := range lab.Pods("a", "10.0.128.50") {
		l.Must(l.Client.Delete(t.Context(), p))
	}
	l.Create(lab.Pods("a", "10.0.128.51")...)
	l.Settle()
	wantOther(l, b.Spec.TargetGroupARN, "10.0.128.51 all")

	mark := l.Other().Gate.Calls(gate.Filter{Limit: 1})[0].Number
	l.Restart()
	l.Settle()
	for _, c := range l.Other().Gate.Calls(gate.Filter{After: mark}) {
		if !awsclient.IsRead(c.Action) {
			t.Errorf("a restart makes the call %s", c.Action)
		}
	}

	l.Must(l.Client.Delete(t.Context(), b))
	l.Settle()
	if l.Get(b, "bound") {
		t.Error("it does not go")
	}
	wantOther(l, b.Spec.TargetGroupARN)
	if got := l.Admitted(lab.NodeGroup); len(got) > 0 {
		t.Errorf("left %v", got)
	}
}

func TestTheFirstUseOfARoleIsNotedWhereNoListLimitsThem(t *testing.T) {
	for list, want := range map[string]int{"*": 1, lab.RoleARN: 0} {
		l := accountsLab(t, list)
		var mu sync.Mutex
		var notes []string
		l.Logger = funcr.New(func(_, args string) {
			mu.Lock()
			defer mu.Unlock()
			notes = append(notes, args)
		}, funcr.Options{})
		l.Restart()
		l.Create(otherBinding(l, "first"), otherBinding(l, "second"))
		l.Settle()
		mu.Lock()
		if len(notes) != want || want > 0 && (!strings.Contains(notes[0], "set --assumable-roles") ||
			!strings.Contains(notes[0], lab.RoleARN)) {
			t.Errorf("%s: notes %q", list, notes)
		}
		mu.Unlock()
	}
}

// TestARoleThatIsDeniedStopsOnlyItsBindings takes the trust away, with its sessions, while bindings of both accounts
// are served.
func TestARoleThatIsDeniedStopsOnlyItsBindings(t *testing.T) {
	l := accountsLab(t, "*")
	b := otherBinding(l, "bound")
	own := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	own.Name, own.UID = "own", "uid-own"
	l.Create(b, own)
	l.Settle()
	trusts(
		l, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"sts:AssumeRole"}]}`)
	for _, p := range lab.Pods("a", "10.0.128.50") {
		l.Must(l.Client.Delete(t.Context(), p))
	}
	l.Create(lab.Pods("a", "10.0.128.51")...)
	before := callsOf(l, l.Sim.Gate, "AssumeRole")
	l.Settle()
	wantOther(l, b.Spec.TargetGroupARN, "10.0.128.50 all")
	if got := l.TargetsOf("theirs"); !slices.Equal(got, []string{"10.0.128.51:8080"}) {
		t.Errorf("the cluster's account has %v", got)
	}
	l.Get(b, "bound")
	ready := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if ready == nil || ready.Reason != "RoleNotAssumed" || !strings.Contains(ready.Message, "role "+lab.RoleARN+
		" cannot be assumed: AssumeRole: AccessDenied") ||
		!strings.Contains(ready.Message, "sts:AssumeRole") || !strings.Contains(ready.Message, "(spec.iamRoleArnToAssume)") {
		t.Errorf("%+v", ready)
	}
	if n := callsOf(l, l.Sim.Gate, "AssumeRole") - before; n > 10 {
		t.Errorf("%d calls of AssumeRole", n)
	}
	trusts(l, labTrust)
	l.Clock.Advance(time.Minute)
	l.Settle()
	wantOther(l, b.Spec.TargetGroupARN, "10.0.128.51 all")
	if l.Get(b, "bound"); !meta.IsStatusConditionTrue(b.Status.Conditions, "Ready") {
		t.Errorf("%+v", b.Status.Conditions)
	}
}

// TestWithoutItsPermissionTheControllerAssumesNoRole takes the action out of the policy of the controller's own role,
// which the other account's role trusts.
func TestWithoutItsPermissionTheControllerAssumesNoRole(t *testing.T) {
	l := accountsLab(t, "*")
	own := lab.Besides(lab.EveryFeature(t, "aws", lab.SecondRoleARN), lab.Beside(t, "aws", iampolicy.ForeignTargetGroups))
	text, err := own.JSON()
	l.Must(err)
	document, err := policy.ParseIdentity([]byte(text))
	l.Must(err)
	a := l.Sim.Account
	a.Lock()
	a.AddPolicy(&account.Policy{Name: "Controller", Document: document})
	a.Unlock()
	b := otherBinding(l, "bound")
	l.Create(b)
	l.Settle()
	wantOther(l, b.Spec.TargetGroupARN)
	l.Get(b, "bound")
	ready := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if ready == nil || ready.Reason != "RoleNotAssumed" || !strings.Contains(ready.Message,
		"allow the controller's role the action sts:AssumeRole") {
		t.Errorf("%+v", ready)
	}
}

func TestWhatARoleMayNotDoIsReportedOfTheRole(t *testing.T) {
	l := accountsLab(t, "*")
	b := otherBinding(l, "bound")
	a := l.Other().Account
	a.Lock()
	reading, err := policy.ParseIdentity(
		[]byte(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"elasticloadbalancing:Describe*","Resource":"*"}]}`))
	l.Must(err)
	a.AddPolicy(&account.Policy{Name: "Targets", Document: reading})
	a.Unlock()
	l.Create(b)
	l.Settle()
	l.Get(b, "bound")
	ready := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if ready == nil || ready.Reason != "AccessDenied" || !strings.Contains(ready.Message, "allow role "+lab.RoleARN+
		" the action elasticloadbalancing:RegisterTargets") {
		t.Errorf("%+v", ready)
	}
}

func TestARoleThatTheNamespaceMayNotNameIsNeverAssumed(t *testing.T) {
	for _, allowed := range []string{"", "other=" + lab.RoleARN, lab.SecondRoleARN} {
		l := accountsLab(t, allowed)
		b := otherBinding(l, "bound")
		l.Create(b)
		l.Settle()
		l.ToldOnce("[RoleNotAllowed]")
		l.Bound.Registry.Clock = l.Clock
		if groups := l.Bound.TargetGroups(t.Context()); len(groups) != 0 {
			t.Errorf("%q: the sweep for drift reads %v", allowed, groups)
		}
		l.Get(b, "bound")
		l.Must(l.Client.Delete(t.Context(), b))
		l.Settle()
		if l.Get(b, "bound") {
			t.Errorf("%q: it does not go", allowed)
		}
		if n := callsOf(l, l.Sim.Gate, "AssumeRole"); n != 0 {
			t.Errorf("%q: %d calls of AssumeRole", allowed, n)
		}
	}
}

func TestBindingWhoseRoleIsGoneCanBeDeleted(t *testing.T) {
	l := accountsLab(t, "*")
	b := otherBinding(l, "bound")
	l.Create(b)
	l.Settle()
	trusts(l, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`)
	l.Must(l.Client.Delete(t.Context(), b))
	l.Get(b, "bound")
	l.Clock.Advance(b.DeletionTimestamp.Sub(l.Clock.Now()))
	_, _ = l.Round() // it may be a mistake that someone corrects
	if !l.Get(b, "bound") {
		t.Fatal("it goes at once, and leaves its targets")
	}
	l.Clock.Advance(3 * time.Minute)
	l.Settle()
	if l.Get(b, "bound") {
		t.Error("it does not go")
	}
	l.ToldOnce("its targets stay registered in " + b.Spec.TargetGroupARN)
	l.ToldOnce("[TargetsStranded]")
	wantOther(l, b.Spec.TargetGroupARN, "10.0.128.50 all")
}

// TestAnEditOfTheRoleGoesOnWithTheTargetsThatAreThere has another role of the account take a binding over.
func TestAnEditOfTheRoleGoesOnWithTheTargetsThatAreThere(t *testing.T) {
	l := accountsLab(t, "*")
	b := otherBinding(l, "bound")
	l.Create(b)
	l.Settle()
	l.Get(b, "bound")
	b.Spec.IamRoleArnToAssume = lab.SecondRoleARN
	l.Must(l.Client.Update(t.Context(), b))
	mark := l.Other().Gate.Calls(gate.Filter{Limit: 1})[0].Number
	l.Settle()
	for _, c := range l.Other().Gate.Calls(gate.Filter{After: mark}) {
		if !awsclient.IsRead(c.Action) {
			t.Errorf("call %s", c.Action)
		}
	}
	for _, p := range lab.Pods("a", "10.0.128.50") {
		l.Must(l.Client.Delete(t.Context(), p))
	}
	l.Settle()
	wantOther(l, b.Spec.TargetGroupARN)
}

// TestTargetGetsZoneNameOfOtherAccount has the other account give the zones other
// names.
func TestTargetGetsZoneNameOfOtherAccount(t *testing.T) {
	l := accountsLab(t, "*")
	b := otherBinding(l, "bound")
	other := l.Other().Account
	other.Lock()
	zones := other.Zones
	zones["us-west-2a"].ID, zones["us-west-2c"].ID = zones["us-west-2c"].ID, zones["us-west-2a"].ID
	other.Unlock()
	scope := l.Scopes.Own().As(lab.RoleARN, "blue")
	// it is read beside the passes
	for tick := time.NewTicker(time.Millisecond); l.Bound.ZoneThere(t.Context(), scope, "us-west-2a") == ""; <-tick.C {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := l.Other().Gate.AddFault(gate.Fault{Action: "RegisterTargets", Times: 1, Code: "ValidationError", Status: 400,
		Message: "The IP address is not within a range of the VPC: you must specify an Availability Zone"})
	l.Must(err)
	l.Create(b)
	l.Settle()
	wantOther(l, b.Spec.TargetGroupARN, "10.0.128.50 us-west-2c")
}
