package controller

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
)

const (
	labOther    = "222222222222" // another account
	labOtherVPC = "vpc-0a1de000000000002"
	labRole     = "arn:aws:iam::222222222222:role/targets"
	labKey      = "AKIALAB0000000000001" // of the controller

	labSecondRole = "arn:aws:iam::222222222222:role/second"
)

// labTrust lets the lab's key assume a role if it gives the external id.
const labTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"blue"}}}]}`

// accountsLab is a lab with a second account, whose VPC is peered with the cluster's, under an allow-list of roles. Its AWS is called by HTTP, under a key in the environment,
// whose user has the smallest policy of a controller for two roles.
func accountsLab(t *testing.T, roles ...string) *lab {
	t.Helper()
	own, err := besides(everyFeature(t, "aws", labRole, labSecondRole), beside(t, "aws", iampolicy.ForeignTargetGroups)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": labKey, "AWS_SECRET_ACCESS_KEY": "x", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(k, v)
	}
	l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	f := seed.Default()
	f.VPC.Peers = []seed.Peer{{VPC: labOtherVPC, Account: labOther}}
	f.IAM.Policies = append(f.IAM.Policies, seed.Policy{Name: "Controller", Document: json.RawMessage(own)})
	f.IAM.Users = append(f.IAM.Users, seed.IAMUser{Name: "controller", Keys: []seed.AccessKey{{ID: labKey}}, Grants: seed.Grants{Policies: []string{"Controller"}}})
	grants := seed.Grants{Policies: []string{"Targets"}}
	f.Accounts = []seed.File{{
		Account: labOther, Region: f.Region,
		VPC: seed.VPC{ID: labOtherVPC, CIDR: "10.1.0.0/16", Peers: []seed.Peer{{VPC: f.VPC.ID, Account: f.Account}}, Subnets: []seed.Subnet{{ID: "subnet-0a1de0000000002a1", Zone: "us-west-2a", CIDR: "10.1.0.0/20"}}},
		IAM: seed.IAM{
			Policies: []seed.Policy{{Name: "Targets", Document: json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":["ec2:DescribeAvailabilityZones",` +
				`"elasticloadbalancing:DescribeTargetGroups","elasticloadbalancing:DescribeTargetHealth","elasticloadbalancing:RegisterTargets","elasticloadbalancing:DeregisterTargets"]}]}`)}},
			Roles: []seed.Role{
				{Name: "targets", Trust: json.RawMessage(labTrust), Grants: grants}, {Name: "second", Trust: json.RawMessage(labTrust), Grants: grants},
			},
		},
	}}
	sim, err := awssim.New(awssim.Options{Clock: l.clock, Seed: &f})
	l.must(err)
	l.sim = sim
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	endpoints := map[string]string{}
	for _, service := range []string{awsclient.ServiceELBV2, awsclient.ServiceEC2, awsclient.ServiceACM, awsclient.ServiceSTS, awsclient.ServiceShield, awsclient.ServiceWAFv2} {
		endpoints[service] = server.URL
	}
	connection, err := awsclient.Connect(t.Context(), awsclient.ConnectOptions{Region: "us-west-2", VPC: l.config.VPC, Endpoints: endpoints, Version: "v"})
	l.must(err)
	l.scopes = awsclient.NewScopes(connection, awsclient.ScopesOptions{Limiter: awsclient.LimiterOptions{Clock: l.clock}, Cluster: l.config.ClusterName})
	clients, err := l.scopes.Clients(l.scopes.Own())
	l.must(err)
	l.remote, l.config.AssumableRoles = &clients, roles
	l.restart()
	l.create(labPods("a", "10.0.128.50")...)
	return l
}

// other is the second account.
func (l *lab) other() *awssim.Other { return l.sim.Others[labOther] }

// otherBinding makes a target group of the second account, and a binding for it that leaves all but the role to AWS.
func (l *lab) otherBinding(name string) *v1beta1.TargetGroupBinding {
	l.Helper()
	out, err := l.other().Balancing.CreateTargetGroup(l.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String(name), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(labOtherVPC),
	})
	l.must(err)
	b := labBinding(aws.ToString(out.TargetGroups[0].TargetGroupArn), v1beta1.TargetTypeIP)
	b.Name, b.UID, b.Spec.VpcID, b.Spec.TargetGroupProtocol = name, "uid-"+b.UID, "", nil
	b.Spec.IamRoleArnToAssume, b.Spec.AssumeRoleExternalId = labRole, "blue"
	return b
}

// otherTargets are the targets of a target group of the second account: "ADDRESS ZONE".
func (l *lab) otherTargets(arn string) (out []string) {
	l.Helper()
	health, err := l.other().Balancing.DescribeTargetHealth(l.Context(), &elbv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
	l.must(err)
	for _, h := range health.TargetHealthDescriptions {
		if h.TargetHealth.State != elbtypes.TargetHealthStateEnumDraining {
			out = append(out, aws.ToString(h.Target.Id)+" "+aws.ToString(h.Target.AvailabilityZone))
		}
	}
	slices.Sort(out)
	return out
}

// trusts replaces the trust policy of the second account's role, and ends its sessions.
func (l *lab) trusts(document string) {
	l.Helper()
	trust, err := policy.ParseTrust([]byte(document))
	l.must(err)
	a := l.other().Account
	a.Lock()
	defer a.Unlock()
	a.Roles["targets"].Trust = trust
	for _, s := range a.Sessions {
		s.Expires = a.Clock.Now()
	}
}

func (l *lab) wantOther(arn string, want ...string) {
	l.Helper()
	if got := l.otherTargets(arn); !slices.Equal(got, want) {
		l.Errorf("targets %v, want %v\n%s", got, want, strings.Join(l.events, "\n"))
	}
}

func (l *lab) callsOf(of *gate.Gate, action string) int {
	return len(of.Calls(gate.Filter{Action: action}))
}

// TestABindingOfAnotherAccountIsServedByItsRole has a binding in the peered VPC of another account from its creation to its end.
func TestABindingOfAnotherAccountIsServedByItsRole(t *testing.T) {
	l := accountsLab(t, "shop="+labRole)
	b := l.otherBinding("bound")
	l.create(b)
	l.settle()
	l.wantOther(b.Spec.TargetGroupARN, "10.0.128.50 all")
	l.get(b, "bound")
	if b.Spec.VpcID != labOtherVPC || b.Spec.TargetGroupProtocol == nil || !meta.IsStatusConditionTrue(b.Status.Conditions, "Ready") {
		t.Errorf("%+v %+v", b.Spec, b.Status)
	}
	if got := l.admitted(labNodeGroup); !slices.Equal(got, []string{labPeer + " 8080-8080"}) {
		t.Errorf("the pods' security group admits %v", got)
	}
	if n := l.callsOf(l.sim.Gate, "AssumeRole"); n != 1 {
		t.Errorf("%d calls of AssumeRole", n)
	}
	for _, action := range []string{"RegisterTargets", "DescribeTargetHealth", "DescribeTags"} {
		if n := l.callsOf(l.sim.Gate, action); action != "DescribeTags" && n != 0 || l.callsOf(l.other().Gate, "DescribeTags") != 0 {
			t.Errorf("%d calls of %s in the cluster's account", n, action)
		}
	}
	for _, p := range labPods("a", "10.0.128.50") {
		l.must(l.client.Delete(t.Context(), p))
	}
	l.create(labPods("a", "10.0.128.51")...)
	l.settle()
	l.wantOther(b.Spec.TargetGroupARN, "10.0.128.51 all")

	mark := l.other().Gate.Calls(gate.Filter{Limit: 1})[0].Number
	l.restart()
	l.settle()
	for _, c := range l.other().Gate.Calls(gate.Filter{After: mark}) {
		if !awsclient.IsRead(c.Action) {
			t.Errorf("a restart makes the call %s", c.Action)
		}
	}

	l.must(l.client.Delete(t.Context(), b))
	l.settle()
	if l.get(b, "bound") {
		t.Error("it does not go")
	}
	l.wantOther(b.Spec.TargetGroupARN)
	if got := l.admitted(labNodeGroup); len(got) > 0 {
		t.Errorf("left %v", got)
	}
}

func TestTheFirstUseOfARoleIsNotedWhereNoListLimitsThem(t *testing.T) {
	for list, want := range map[string]int{"*": 1, labRole: 0} {
		l := accountsLab(t, list)
		var mu sync.Mutex
		var notes []string
		l.log = funcr.New(func(_, args string) {
			mu.Lock()
			defer mu.Unlock()
			notes = append(notes, args)
		}, funcr.Options{})
		l.restart()
		l.create(l.otherBinding("first"), l.otherBinding("second"))
		l.settle()
		mu.Lock()
		if len(notes) != want || want > 0 && (!strings.Contains(notes[0], "--assumable-roles limits that") || !strings.Contains(notes[0], labRole)) {
			t.Errorf("%s: notes %q", list, notes)
		}
		mu.Unlock()
	}
}

// TestARoleThatIsDeniedStopsOnlyItsBindings takes the trust away, with its sessions, while bindings of both accounts are served.
func TestARoleThatIsDeniedStopsOnlyItsBindings(t *testing.T) {
	l := accountsLab(t, "*")
	b := l.otherBinding("bound")
	own := labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	own.Name, own.UID = "own", "uid-own"
	l.create(b, own)
	l.settle()
	l.trusts(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"sts:AssumeRole"}]}`)
	for _, p := range labPods("a", "10.0.128.50") {
		l.must(l.client.Delete(t.Context(), p))
	}
	l.create(labPods("a", "10.0.128.51")...)
	before := l.callsOf(l.sim.Gate, "AssumeRole")
	l.settle()
	l.wantOther(b.Spec.TargetGroupARN, "10.0.128.50 all")
	if got := l.targetsOf("theirs"); !slices.Equal(got, []string{"10.0.128.51:8080"}) {
		t.Errorf("the cluster's account has %v", got)
	}
	l.get(b, "bound")
	ready := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if ready == nil || ready.Reason != "RoleNotAssumed" || !strings.Contains(ready.Message, "role "+labRole+" cannot be assumed: AssumeRole: AccessDenied") ||
		!strings.Contains(ready.Message, "sts:AssumeRole") || !strings.Contains(ready.Message, "(spec.iamRoleArnToAssume)") {
		t.Errorf("%+v", ready)
	}
	if n := l.callsOf(l.sim.Gate, "AssumeRole") - before; n > 10 {
		t.Errorf("%d calls of AssumeRole", n)
	}
	l.trusts(labTrust)
	l.clock.Advance(time.Minute)
	l.settle()
	l.wantOther(b.Spec.TargetGroupARN, "10.0.128.51 all")
	if l.get(b, "bound"); !meta.IsStatusConditionTrue(b.Status.Conditions, "Ready") {
		t.Errorf("%+v", b.Status.Conditions)
	}
}

// TestWithoutItsPermissionTheControllerAssumesNoRole takes the action out of the policy of the controller's own role, which the other account's role trusts.
func TestWithoutItsPermissionTheControllerAssumesNoRole(t *testing.T) {
	l := accountsLab(t, "*")
	own := besides(everyFeature(t, "aws", labSecondRole), beside(t, "aws", iampolicy.ForeignTargetGroups))
	text, err := own.JSON()
	l.must(err)
	document, err := policy.ParseIdentity([]byte(text))
	l.must(err)
	a := l.sim.Account
	a.Lock()
	a.AddPolicy(&account.Policy{Name: "Controller", Document: document})
	a.Unlock()
	b := l.otherBinding("bound")
	l.create(b)
	l.settle()
	l.wantOther(b.Spec.TargetGroupARN)
	l.get(b, "bound")
	ready := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if ready == nil || ready.Reason != "RoleNotAssumed" || !strings.Contains(ready.Message, "allow the controller's role the action sts:AssumeRole") {
		t.Errorf("%+v", ready)
	}
}

func TestWhatARoleMayNotDoIsReportedOfTheRole(t *testing.T) {
	l := accountsLab(t, "*")
	b := l.otherBinding("bound")
	a := l.other().Account
	a.Lock()
	reading, err := policy.ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"elasticloadbalancing:Describe*","Resource":"*"}]}`))
	l.must(err)
	a.AddPolicy(&account.Policy{Name: "Targets", Document: reading})
	a.Unlock()
	l.create(b)
	l.settle()
	l.get(b, "bound")
	ready := meta.FindStatusCondition(b.Status.Conditions, "Ready")
	if ready == nil || ready.Reason != "AccessDenied" || !strings.Contains(ready.Message, "allow role "+labRole+" the action elasticloadbalancing:RegisterTargets") {
		t.Errorf("%+v", ready)
	}
}

func TestARoleThatTheNamespaceMayNotNameIsNeverAssumed(t *testing.T) {
	for _, allowed := range []string{"", "other=" + labRole, labSecondRole} {
		l := accountsLab(t, allowed)
		b := l.otherBinding("bound")
		l.create(b)
		l.settle()
		l.toldOnce("[RoleNotAllowed]")
		l.bound.Registry.Clock = l.clock
		if groups := l.bound.TargetGroups(t.Context()); len(groups) != 0 {
			t.Errorf("%q: the sweep for drift reads %v", allowed, groups)
		}
		l.get(b, "bound")
		l.must(l.client.Delete(t.Context(), b))
		l.settle()
		if l.get(b, "bound") {
			t.Errorf("%q: it does not go", allowed)
		}
		if n := l.callsOf(l.sim.Gate, "AssumeRole"); n != 0 {
			t.Errorf("%q: %d calls of AssumeRole", allowed, n)
		}
	}
}

func TestABindingWhoseRoleIsGoneForGoodCanBeDeletedAndReportsWhatStays(t *testing.T) {
	l := accountsLab(t, "*")
	b := l.otherBinding("bound")
	l.create(b)
	l.settle()
	l.trusts(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`)
	l.must(l.client.Delete(t.Context(), b))
	l.get(b, "bound")
	l.clock.Advance(b.DeletionTimestamp.Sub(l.clock.Now()))
	_, _ = l.round() // it may be a mistake that someone corrects
	if !l.get(b, "bound") {
		t.Fatal("it goes at once, and leaves its targets")
	}
	l.clock.Advance(3 * time.Minute)
	l.settle()
	if l.get(b, "bound") {
		t.Error("it does not go")
	}
	l.toldOnce("its targets stay registered in " + b.Spec.TargetGroupARN)
	l.toldOnce("[TargetsStranded]")
	l.wantOther(b.Spec.TargetGroupARN, "10.0.128.50 all")
}

// TestAnEditOfTheRoleGoesOnWithTheTargetsThatAreThere has another role of the account take a binding over.
func TestAnEditOfTheRoleGoesOnWithTheTargetsThatAreThere(t *testing.T) {
	l := accountsLab(t, "*")
	b := l.otherBinding("bound")
	l.create(b)
	l.settle()
	l.get(b, "bound")
	b.Spec.IamRoleArnToAssume = labSecondRole
	l.must(l.client.Update(t.Context(), b))
	mark := l.other().Gate.Calls(gate.Filter{Limit: 1})[0].Number
	l.settle()
	for _, c := range l.other().Gate.Calls(gate.Filter{After: mark}) {
		if !awsclient.IsRead(c.Action) {
			t.Errorf("call %s", c.Action)
		}
	}
	for _, p := range labPods("a", "10.0.128.50") {
		l.must(l.client.Delete(t.Context(), p))
	}
	l.settle()
	l.wantOther(b.Spec.TargetGroupARN)
}

// TestAGroupWithoutCrossZoneGetsTheZoneOfThePodByItsNameInTheOtherAccount has the other account give the zones other names.
func TestAGroupWithoutCrossZoneGetsTheZoneOfThePodByItsNameInTheOtherAccount(t *testing.T) {
	l := accountsLab(t, "*")
	b := l.otherBinding("bound")
	other := l.other().Account
	other.Lock()
	zones := other.Zones
	zones["us-west-2a"].ID, zones["us-west-2c"].ID = zones["us-west-2c"].ID, zones["us-west-2a"].ID
	other.Unlock()
	scope := l.scopes.Own().As(labRole, "blue")
	for tick := time.NewTicker(time.Millisecond); l.bound.ZoneThere(t.Context(), scope, "us-west-2a") == ""; <-tick.C { // it is read beside the passes
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := l.other().Gate.AddFault(gate.Fault{Action: "RegisterTargets", Times: 1, Code: "ValidationError", Status: 400, Message: "The IP address is not within a range of the VPC: you must specify an Availability Zone"})
	l.must(err)
	l.create(b)
	l.settle()
	l.wantOther(b.Spec.TargetGroupARN, "10.0.128.50 us-west-2c")
}
