package survey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

func TestEachSourceHasALoader(t *testing.T) {
	t.Parallel()
	loaders := (&reader{}).loaders()
	for _, s := range doctor.Sources {
		if loaders[s.Name] == nil {
			t.Errorf("%s has none", s.Name)
		}
	}
	if len(loaders) != len(doctor.Sources) {
		t.Errorf("%d loaders of %d sources", len(loaders), len(doctor.Sources))
	}
}

// surveyed reads sources by loaders of a test, in the order of doctor.Sources.
func surveyed(o Options, loaders map[doctor.Source]loader) checks.Facts {
	r := &reader{options: o, done: map[doctor.Source]chan struct{}{}}
	r.state.facts.Unread = map[doctor.Source]doctor.Unread{}
	for _, s := range doctor.Sources {
		if load := loaders[s.Name]; load != nil {
			r.done[s.Name] = make(chan struct{})
			r.options.Wanted = append(r.options.Wanted, s.Name)
		}
	}
	for _, s := range doctor.Sources {
		if load := loaders[s.Name]; load != nil {
			go func() { defer close(r.done[s.Name]); r.read(context.Background(), s, load) }()
		}
	}
	r.await()
	return r.state.facts
}

func answer(f func(*state)) loader {
	return func(context.Context, state) (put, error) { return f, nil }
}

func TestALoaderThatHangsAndOneThatFailsKeepNoOtherFromBeingRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // on a busy machine, any source may take as long as the one that hangs
		over := make(chan struct{})
		defer close(over)
		f := surveyed(Options{Timeout: time.Minute}, map[doctor.Source]loader{
			doctor.APIServer: answer(func(*state) {}),
			doctor.Nodes:     func(context.Context, state) (put, error) { <-over; return nil, nil },
			doctor.Objects:   func(context.Context, state) (put, error) { return nil, errors.New("forbidden") },
			doctor.Workloads: answer(func(s *state) { t.Error("it is read without what it is read through") }),
			doctor.Events:    answer(func(s *state) { s.facts.Events = []corev1.Event{{}} }),
			doctor.Account:   answer(func(s *state) { s.facts.Settings.VPC = "vpc-1" }), // is read after nodes, without them
		})
		if len(f.Events) != 1 || f.Settings.VPC != "vpc-1" {
			t.Errorf("%+v", f)
		}
		want := map[doctor.Source]doctor.Unread{
			doctor.Nodes: {Reason: "no answer within 1m0s (--timeout)"}, doctor.Objects: {Reason: "forbidden"},
			doctor.Workloads: {Reason: "forbidden", Because: doctor.Objects},
		}
		if fmt.Sprint(f.Unread) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", f.Unread, want)
		}
	})
}

func TestAWSIsLeftOutOffline(t *testing.T) {
	t.Parallel()
	called := answer(func(*state) { t.Error("AWS is called") })
	f := surveyed(Options{Timeout: time.Minute, Offline: true}, map[doctor.Source]loader{doctor.Account: called,
		doctor.LoadBalancers: called, doctor.Listeners: called})
	for _, s := range []doctor.Source{doctor.Account, doctor.LoadBalancers, doctor.Listeners} {
		if !f.Unread[s].Unwanted {
			t.Errorf("%s: %+v", s, f.Unread[s])
		}
	}
}

func TestAClockIsComparedWithinTheSecondThatADateResolves(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 6, 1, 12, 0, 0, 300e6, time.UTC)
	received := sent.Add(2 * time.Second)
	for _, tt := range []struct {
		date string
		want time.Duration
		ok   bool
	}{
		{"Mon, 01 Jun 2026 12:00:00 GMT", 0, true},
		{"Mon, 01 Jun 2026 12:00:02 GMT", 0, true},
		{"Mon, 01 Jun 2026 12:01:02 GMT", 59700 * time.Millisecond, true},
		{"Mon, 01 Jun 2026 11:58:59 GMT", -60300 * time.Millisecond, true},
		{"", 0, false},
	} {
		if got, ok := aheadBy(http.Header{"Date": {tt.date}}, sent, received); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %s %t, want %s", tt.date, got, ok, tt.want)
		}
	}
}

func TestSettingsAreThoseOfTheDeploymentUnlessAFlagOverridesThem(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	deployed, err := config.Parse([]string{"--cluster-name=prod", "--aws-vpc-id=vpc-1",
		"--service-target-eni-security-group-tags=a=b"})
	if err != nil {
		t.Fatal(err)
	}
	nodes := []corev1.Node{
		{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{corev1.LabelTopologyRegion: "eu-west-1"}}}}
	flags, err := config.Parse([]string{"--cluster-name=flag", "--aws-vpc-id=vpc-2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		given        string
		configs      []*config.Config
		cluster, vpc string
		tags         int
	}{
		{"the Deployment's", "", []*config.Config{deployed}, "prod", "vpc-1", 1},
		{"a flag over the Deployment's", "aws-vpc-id", []*config.Config{deployed}, "prod", "vpc-2", 1},
		{"no Deployment", "cluster-name", nil, "flag", "vpc-2", 0},
		{"a Deployment with arguments that are not valid", "cluster-name", []*config.Config{nil}, "flag", "vpc-2", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &reader{options: Options{Flags: *flags, Given: func(f string) bool { return f == tt.given }}}
			got := r.settings(state{configs: tt.configs, facts: checks.Facts{Facts: doctor.Facts{Nodes: nodes}}})
			if got.ClusterName != tt.cluster || got.VPC != tt.vpc || len(got.TargetENISecurityTags) != tt.tags ||
				got.Region != "eu-west-1" {
				t.Errorf("%s, %s, %v, %s", got.ClusterName, got.VPC, got.TargetENISecurityTags, got.Region)
			}
		})
	}
}

func grants(all []rbacv1.PolicyRule, r checks.Right) bool {
	return slices.ContainsFunc(all, func(g rbacv1.PolicyRule) bool {
		return slices.Contains(g.APIGroups, r.Group) && slices.Contains(g.Resources, r.Resource) &&
			slices.Contains(g.Verbs, r.Verb)
	})
}

// TestTheRightsAreThoseOfTheChartAndOfThePlayground reads the roles with which the end-to-end tests run.
func TestTheRightsAreThoseOfTheChartAndOfThePlayground(t *testing.T) {
	t.Parallel()
	read := func(path string) []byte {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var chart, playground []rbacv1.PolicyRule
	if err := yaml.Unmarshal(read("../../../charts/aws-load-balancer-controller/files/clusterrole.yaml"),
		&chart); err != nil {
		t.Fatal(err)
	}
	for _, doc := range bytes.Split(read("../../../config/rbac/rbac.yaml"), []byte("\n---\n")) {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(doc, &role); err != nil {
			t.Fatal(err)
		}
		playground = append(playground, role.Rules...)
	}
	mine := expand(client.ObjectKey{Namespace: "kube-system", Name: leaseName})
	for _, r := range mine {
		if !grants(playground, r) || r.Namespace == "" && !grants(chart, r) {
			t.Errorf("%+v is not granted", r)
		}
	}
	without := []string{"loadbalancers", "loadbalancers/status", "backendtlspolicies", "backendtlspolicies/status",
		"albtargetcontrolconfigs", "customresourcedefinitions", "leases"}
	for _, g := range chart {
		for _, resource := range g.Resources {
			for _, verb := range g.Verbs {
				want := checks.Right{Group: g.APIGroups[0], Resource: resource, Verb: verb}
				if !slices.Contains(without, resource) && !slices.Contains(mine, want) {
					t.Errorf("the chart grants %+v, and it is not reviewed", want)
				}
			}
		}
	}
}

func TestElectionIsFoundInAnyCommandLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args   string
		want   string
		elects bool
	}{
		"without flags":                  {"", "/" + leaseName, true},
		"of its own":                     {"--leader-election-id=a --leader-election-namespace=ops", "ops/a", true},
		"the last one":                   {"--leader-election-id=a --leader-election-id b", "/b", true},
		"behind flags of other versions": {"--future=1 --later --leader-election-id=a", "/a", true},
		"behind a flag that is wrong":    {"--sync-period=soon --leader-election-id=a", "/a", true},
		"by a variable of the pod":       {"--leader-election-namespace=$(POD_NAMESPACE)", "/" + leaseName, true},
		"without an election":            {"--enable-leader-election=false", "/" + leaseName, false},
	} {
		lease, elects := ElectionOf(strings.Fields(tt.args))
		if got := lease.Namespace + "/" + lease.Name; got != tt.want || elects != tt.elects {
			t.Errorf("%s: %s, elects %t", name, got, elects)
		}
	}
}

func TestAPodThatIsNotReadyHasAReason(t *testing.T) {
	t.Parallel()
	status := func(c ...corev1.ContainerStatus) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: c}
	}
	for _, tt := range []struct {
		status corev1.PodStatus
		want   string
	}{
		{status(corev1.ContainerStatus{
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 1, Reason: "Error"}},
		}), "CrashLoopBackOff; exit status 1 Error"},
		{status(), "is running and not ready"},
		{corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse,
			Message: "0/3 nodes are available"}}}, "0/3 nodes are available"},
		{corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}, ""},
	} {
		if got := podProblem(&corev1.Pod{Status: tt.status}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestADeploymentOfTheControllerIsFoundWhateverItsName(t *testing.T) {
	t.Parallel()
	of := func(labels map[string]string, container, image string) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
		d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "sidecar", Image: "example.com/proxy"},
			{Name: container, Image: image}}
		return d
	}
	for _, tt := range []struct {
		name string
		d    *appsv1.Deployment
		want bool
	}{
		{"of the chart", of(map[string]string{nameLabel: controllerName}, "c", "i"), true},
		{"with nameOverride", of(map[string]string{nameLabel: "lb", chartLabel: "aws-load-balancer-controller-1.13.0"}, "c",
			"i"), true},
		{"without labels, by its container", of(nil, "aws-load-balancer-controller", "i"), true},
		{"without labels, by its image",
			of(nil, "c", "registry.example.com:5000/mirror/aws-load-balancer-controller:v2.13.0@sha256:0123"), true},
		{"another one", of(map[string]string{nameLabel: "nginx", chartLabel: "ingress-nginx-4"}, "controller",
			"example.com/ingress-nginx/controller:v1"), false},
	} {
		if got := isController(tt.d); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

func TestALeaseWasWrittenWhenItsRenewalWas(t *testing.T) {
	t.Parallel()
	at := func(minute int, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Time: &metav1.Time{Time: time.Date(2026, 6, 1, 12, minute, 0, 0, time.UTC)},
			FieldsV1: metav1.NewFieldsV1(fields)}
	}
	got := writtenAt([]metav1.ManagedFieldsEntry{at(1, `{"f:spec":{"f:renewTime":{}}}`),
		at(3, `{"f:spec":{"f:renewTime":{}}}`), at(5, `{"f:metadata":{"f:labels":{}}}`), {}})
	if got.Minute() != 3 {
		t.Error(got)
	}
	if !writtenAt(nil).IsZero() {
		t.Error("nothing is known")
	}
}

// TestLeasesOfWritersAreRead: the leader in the cluster finds a second controller by what it writes, and so does lbc
// doctor.
func TestLeasesOfWritersAreRead(t *testing.T) {
	t.Parallel()
	got := withWriters([]string{"lbc"}, []checks.Shown{{Writer: "Lease kube-system/lbc"}, {Writer: "Lease ops/other"},
		{Writer: "Lease ops/other"}, {Writer: "without election (ops/third)"}, {Writer: ""}, {Writer: "Lease x"}})
	if !slices.Equal(got, []string{"lbc", "other"}) {
		t.Errorf("%v", got)
	}
}

func TestACallerIsASessionOfARole(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/team/lbc"
	for caller, want := range map[string]bool{
		"arn:aws:sts::123456789012:assumed-role/lbc/session": true, role: true,
		"arn:aws:sts::123456789012:assumed-role/other/session": false,
		"arn:aws:sts::210987654321:assumed-role/lbc/session":   false, "arn:aws:iam::123456789012:user/lbc": false, "": false,
	} {
		if got := isRole(caller, role); got != want {
			t.Errorf("%q: %t", caller, got)
		}
	}
}

// TestEachProbeIsOfAnActionOfTheSmallestPolicy: others would never be made.
func TestEachProbeIsOfAnActionOfTheSmallestPolicy(t *testing.T) {
	t.Parallel()
	policy, err := iampolicy.Minimal(permission.Actions(), iampolicy.Options{
		Features: append(iampolicy.Defaults(), iampolicy.TaggingAPI)})
	if err != nil {
		t.Fatal(err)
	}
	for action := range probes {
		if !slices.Contains(policy.Actions(), action) {
			t.Errorf("%s is not in the policy", action)
		}
	}
}

func TestASelectorThatLeavesOutTheControllerOnlyDoesNotNarrow(t *testing.T) {
	t.Parallel()
	express := func(op metav1.LabelSelectorOperator) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "k", Operator: op, Values: []string{"v"}}}}
	}
	for _, tt := range []struct {
		selector *metav1.LabelSelector
		want     bool
	}{
		{nil, false}, {&metav1.LabelSelector{}, false}, {express(metav1.LabelSelectorOpNotIn), false},
		{express(metav1.LabelSelectorOpIn), true},
		{&metav1.LabelSelector{MatchLabels: map[string]string{"k": "v"}}, true},
	} {
		if got := narrows(tt.selector); got != tt.want {
			t.Errorf("%v: %t", tt.selector, got)
		}
	}
}

func TestCallsInParallelEndWithTheFirstError(t *testing.T) {
	t.Parallel()
	failure := errors.New("no")
	err := parallel(t.Context(), 1000, func(_ context.Context, i int) error {
		if i == 20 {
			return failure
		}
		return nil
	})
	if !errors.Is(err, failure) {
		t.Error(err)
	}
	if err := parallel(t.Context(), 0, nil); err != nil {
		t.Error(err)
	}
}

func TestComponentsOfEventsAreThoseOfAllControllers(t *testing.T) {
	t.Parallel()
	if got := strings.Join(components(), " "); got !=
		"targetGroupBinding globalAccelerator gateway ingress service gateway.k8s.aws/alb gateway.k8s.aws/nlb" {
		t.Error(got)
	}
}

// TestTheGroupOfANodeIsTheOneThatTheControllerTakes has a node whose interface has two groups.
func TestTheGroupOfANodeIsTheOneThatTheControllerTakes(t *testing.T) {
	t.Parallel()
	tags := func(of ...string) map[string]facts.SecurityGroup {
		out := map[string]facts.SecurityGroup{}
		for _, id := range of {
			out[id] = facts.SecurityGroup{ID: id, Tags: map[string]string{"kubernetes.io/cluster/demo": "owned"}}
		}
		return out
	}
	serving := []checks.GroupRules{{ID: "sg-1"}, {ID: "sg-2", Serves: true}}
	for name, c := range map[string]struct {
		tagged     map[string]facts.SecurityGroup
		rules      []checks.GroupRules
		named      string
		group, why string // why is a part of the doubt
	}{
		"one is tagged": {tagged: tags("sg-1"), group: "sg-1"},
		"both are tagged": {tagged: tags("sg-1", "sg-2"), rules: []checks.GroupRules{{ID: "sg-1"}, {ID: "sg-2"}},
			group: "sg-1", why: "adds its rules to sg-1"},
		"both are tagged, one has rules for load balancers": {tagged: tags("sg-1", "sg-2"), rules: serving, group: "sg-2",
			why: "adds its rules to sg-2"},
		"none is tagged, one has rules for load balancers": {rules: serving, group: "sg-2", why: "adds its rules to sg-2"},
		"none is tagged and none has rules": {rules: []checks.GroupRules{{ID: "sg-1"}, {ID: "sg-2"}},
			why: "exactly one should"},
		"both are tagged, and the rules could not be read": {tagged: tags("sg-1", "sg-2"), why: "could not be read"},
		"both are tagged, one is named by the flag": {tagged: tags("sg-1", "sg-2"), named: "sg-1", rules: serving,
			group: "sg-1"},
	} {
		s := state{config: config.Config{ClusterName: "demo", NodeSecurityGroup: c.named}}
		s.facts.AWS.SecurityGroups, s.facts.Rules = c.tagged, c.rules
		got := instance(s, &ec2types.Instance{NetworkInterfaces: []ec2types.InstanceNetworkInterface{{
			NetworkInterfaceId: aws.String("eni-1"), Attachment: &ec2types.InstanceNetworkInterfaceAttachment{
				DeviceIndex: aws.Int32(0)},
			Groups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-1")}, {GroupId: aws.String("sg-2")}},
		}}}, "n1")
		if got.Extended != c.group || (got.Groups == "") != (c.why == "") || !strings.Contains(got.Groups, c.why) {
			t.Errorf("%s: group %q, doubt %q; want %q, %q", name, got.Extended, got.Groups, c.group, c.why)
		}
	}
}

func TestAGroupServesIfARuleOfItIsOneForLoadBalancers(t *testing.T) {
	t.Parallel()
	for description, want := range map[string]bool{"elbv2.k8s.aws/targetGroupBinding=shared": true, "ssh": false} {
		g := &ec2types.SecurityGroup{IpPermissions: []ec2types.IpPermission{
			{IpRanges: []ec2types.IpRange{{CidrIp: aws.String("10.0.0.0/8"), Description: aws.String(description)}}}}}
		if got := rulesOf(g); got.Serves != want || got.IPv4 != 1 {
			t.Errorf("%s: %+v", description, got)
		}
	}
}
