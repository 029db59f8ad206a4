package main

import (
	stdcmp "cmp"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

const (
	bindingFile = " -f testdata/binding.yaml --account testdata/binding-account.yaml" + podlessFlag
	podlessFlag = " --endpoints-without-pods=shop=10.0.144.0/20,shop=192.168.0.0/16"
)

func TestPlansAndExplanationsOfBindingsAreAsRecorded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args    string
		invalid bool
	}{
		"plan-binding.txt":             {"plan" + bindingFile, true}, // some bindings contradict AWS
		"plan-binding.json":            {"plan -o json" + bindingFile, true},
		"explain-binding.txt":          {"explain targetgroupbinding shop/web" + bindingFile, false},
		"explain-binding.json":         {"explain targetgroupbinding shop/web -o json" + bindingFile, false},
		"explain-binding-nodes.txt":    {"explain targetgroupbinding/nodes -n shop" + bindingFile, false},
		"explain-binding-conflict.txt": {"explain targetgroupbinding shop/web-copy" + bindingFile, true},
		"explain-binding-gone.txt":     {"explain targetgroupbinding shop/gone" + bindingFile, true},
		"explain-binding-blind.txt":    {"explain targetgroupbinding shop/blind" + bindingFile, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errOut, err := lbc(t, "", strings.Fields(c.args)...)
			if errors.Is(err, exitInvalid) != c.invalid || err != nil && !c.invalid {
				t.Errorf("%v\n%s", err, errOut)
			}
			goldenfile.Compare(t, "testdata/"+name, out)
		})
	}
}

func TestMistakesInAQuestionAboutABindingAreNamed(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"explain targetgroupbinding shop/none": "TargetGroupBinding shop/none is not " +
			"found: there is shop/blind, ",
		"explain targetgroupbinding shop/web --request https://shop.example.com": "a TargetGroupBinding has no " +
			"rules for requests",
		"explain targetgroupbinding": "name one of: targetgroupbinding shop/blind, ",
		"explain targetgroup web":    "or targetgroupbinding",
	} {
		if _, _, err := lbc(t, "", strings.Fields(args+bindingFile)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	out, _, err := lbc(t, "", "__complete", "explain", "-f", "testdata/binding.yaml", "-n", "shop",
		"targetgroupbinding", "")
	if err != nil || !strings.Contains(out, "web-copy\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPlanLeavesOutBindingOfUnwatchedNamespace(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", strings.Fields("plan --watch-namespace=web"+bindingFile)...)
	if err != nil || strings.Contains(out, "RegisterTargets") ||
		strings.Count(out, "its targets are not planned: the controller serves namespace web only (metadata.namespace)") !=
			8 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPlansAreCountedByWhatTheyAreOf(t *testing.T) {
	t.Parallel()
	of := func(owners ...stack.Owner) (out []offline.Result) {
		for _, o := range owners {
			out = append(out, offline.Result{Key: stack.Key{Owner: o}})
		}
		return out
	}
	const bound stack.Owner = "elbv2.k8s.aws"
	for want, all := range map[string][]offline.Result{
		"0 load balancers":                                       nil,
		"1 load balancer":                                        of(stack.Ingress),
		"1 TargetGroupBinding":                                   of(bound),
		"2 TargetGroupBindings":                                  of(bound, bound),
		"2 load balancers and accelerators":                      of(stack.Service, accelerator.Owner),
		"2 accelerators":                                         of(accelerator.Owner, accelerator.Owner),
		"3 load balancers and TargetGroupBindings":               of(stack.Ingress, stack.Service, bound),
		"3 load balancers, accelerators and TargetGroupBindings": of(stack.Ingress, accelerator.Owner, bound),
	} {
		if got := things(len(all), all); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTheBuiltInAccountHasNoTargetGroupsOfUsers(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, `
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: web}
spec: {targetGroupName: web, serviceRef: {name: web, port: 80}}
`, "plan", "-")
	const want = "elbv2.k8s.aws:default/web: not planned\n  note: TargetGroupBinding default/web: its targets are not " +
		"planned: the simulator's built-in account has no such target group " +
		"(spec.targetGroupName); name the account with --account, or a cluster with --context [TargetGroupNotFound]\n\n"
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// boundCluster is the account of testdata, and a cluster with objects. The environment selects both.
func boundCluster(t *testing.T, objects ...client.Object) (awsclient.Clients, *apiServer) {
	t.Helper()
	f, err := os.Open("testdata/binding-account.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	file, err := seed.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	sim, err := awssim.New(awssim.Options{Seed: &file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	return awsclient.Clients{ELBV2: sim.Balancing, EC2: sim.Compute}, selectBoth(t, sim, objects...)
}

// selectBoth has the environment select a simulated account, and a cluster with objects.
func selectBoth(t *testing.T, sim *awssim.Simulator, objects ...client.Object) *apiServer {
	t.Helper()
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	s := newAPIServer(t, append(objects, controllerWith("--cluster-name=demo-cluster", "--aws-region=us-west-2",
		"--aws-vpc-id=vpc-0a1de000000000001"))...)
	for k, v := range map[string]string{
		"KUBECONFIG": s.kubeconfig(t), "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL":          server.URL,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(k, v)
	}
	return s
}

// objectsOf are the objects of a file but those that names lists, with what the API server fills in.
func objectsOf(t *testing.T, path string, but ...string) (out []client.Object) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := manifest.Decode(content, "default")
	if err != nil {
		t.Fatal(err)
	}
	manifest.FillIn(all)
	for _, o := range all {
		if x, ok := o.(client.Object); ok && !strings.Contains(" "+strings.Join(but, " ")+" ", " "+o.GetName()+" ") {
			out = append(out, x)
		}
	}
	return out
}

const boundWeb = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/1234567890abcdef"

// TestInAClusterTargetsAndRulesThatDifferFromAWSArePlanned has one target that is none any more, one that nothing
// explains, and a rule that no binding needs.
func TestInAClusterTargetsAndRulesThatDifferFromAWSArePlanned(t *testing.T) {
	clients, _ := boundCluster(t, objectsOf(t, "testdata/binding.yaml", "web-copy", "gone", "typed", "elsewhere",
		"other-account", "blind")...)
	register := func(targets ...string) {
		t.Helper()
		in := &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(boundWeb)}
		for _, x := range targets {
			in.Targets = append(in.Targets, elbv2types.TargetDescription{Id: aws.String(x), Port: aws.Int32(8080)})
		}
		if _, err := clients.ELBV2.RegisterTargets(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	admit := func(port int32, cidr string) {
		t.Helper()
		if _, err := clients.EC2.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String("sg-0a1de000000000001"), IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port),
				IpRanges: []ec2types.IpRange{
					{CidrIp: aws.String(cidr), Description: aws.String("elbv2.k8s.aws/targetGroupBinding=shared")}},
			}}}); err != nil {
			t.Fatal(err)
		}
	}
	register("10.0.128.21", "10.0.128.23", "10.0.128.99")
	admit(9999, "10.9.0.0/16")
	out, errOut, err := lbc(t, "", strings.Fields("plan -A --exit-code"+podlessFlag)...)
	if !errors.Is(err, exitChanges) {
		t.Errorf("%v\n%s", err, errOut)
	}
	goldenfile.Compare(t, "testdata/plan-binding-cluster.txt", out)

	// What is shared by clusters is deregistered only if this one has registered it, and nothing shows that.
	file := filepath.Join(t.TempDir(), "shared.yaml")
	if err := os.WriteFile(file, []byte(`apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: web, namespace: shop}
spec: {targetGroupName: web, multiClusterTargetGroup: true, targetGroupARN: "`+boundWeb+
		`", serviceRef: {name: web, port: http}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut, err = lbc(t, "", "plan", "-f", file, "--context", "c", "-o", "json")
	var got struct {
		Bindings []struct {
			Binding              string
			Register, Deregister []string
			Open                 []string
		}
		Close []struct{ Why []string }
	}
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || len(got.Bindings) != 1 || len(got.Bindings[0].Deregister)+
		len(got.Bindings[0].Open) > 0 || len(got.Bindings[0].Register) == 0 || len(got.Close) != 1 {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	out, errOut, err = lbc(t, "", "explain", "targetgroupbinding", "web", "-f", file, "--context", "c")
	if err != nil || !strings.Contains(out, "10.0.128.99:8080 unused (Target.NotInUse), another cluster or a user has "+
		"registered this target: the controller keeps it") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
}

func TestABindingWhoseTargetsAreRegisteredHasNothingToDo(t *testing.T) {
	const nodes = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/nodes/2234567890abcdef"
	all := objectsOf(t, "testdata/binding.yaml", "web-copy", "gone", "typed", "elsewhere", "other-account", "blind", "web", "pool")
	clients, _ := boundCluster(t, append(all, recordOf(t, all, "nodes", bindings.Preceding{Group: nodes})...)...)
	if _, err := clients.ELBV2.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(nodes),
		Targets: []elbv2types.TargetDescription{{Id: aws.String("i-0a1de0000000000a1"), Port: aws.Int32(30080)}}}); err !=
		nil {
		t.Fatal(err)
	}
	// Without its Service, nothing is wanted.
	out, errOut, err := lbc(t, "", "plan", "--exit-code")
	if !errors.Is(err, exitInvalid) || !strings.Contains(out, "DeregisterTargets  i-0a1de0000000000a1:30080") ||
		!strings.Contains(out, "Service shop/pool does not exist") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	service := filepath.Join(t.TempDir(), "service.yaml")
	if err := os.WriteFile(service, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: pool, namespace: "+
		"shop}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut, err = lbc(t, "", "plan", "-f", service, "--context", "c", "--exit-code")
	if err != nil || out != "elbv2.k8s.aws:shop/nodes: nothing to do\n\n" {
		t.Errorf("%v\n%q%s", err, out, errOut)
	}
}

func TestPlanDeregistersNodesThatForwardElsewhere(t *testing.T) {
	const nodes = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/nodes/2234567890abcdef"
	all := objectsOf(t, "testdata/binding.yaml", "web-copy", "gone", "typed", "elsewhere", "other-account", "blind")
	all = append(all, &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4,
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "raw", Labels: map[string]string{
			discoveryv1.LabelServiceName: "pool"}},
		Ports:     []discoveryv1.EndpointPort{{Name: aws.String("http"), Port: aws.Int32(5432)}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.77"}}}})
	clients, _ := boundCluster(t, all...)
	if _, err := clients.ELBV2.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(nodes),
		Targets: []elbv2types.TargetDescription{{Id: aws.String("i-0a1de0000000000a1"), Port: aws.Int32(30080)}}}); err !=
		nil {
		t.Fatal(err)
	}
	out, errOut, err := lbc(t, "", "plan", "-n", "shop")
	if err != nil || !strings.Contains(out, "DeregisterTargets  i-0a1de0000000000a1:30080") || !strings.Contains(out,
		"at the node port to 10.0.0.77:5432 (not allowed to namespace shop by --endpoints-without-pods)") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
}

func TestPlanOfAMisspeltBindingDeregistersNothing(t *testing.T) {
	objects := objectsOf(t, "testdata/binding.yaml", "web-copy", "gone", "typed", "elsewhere", "other-account", "blind")
	for _, o := range objects {
		if b, ok := o.(*v1beta1.TargetGroupBinding); ok {
			b.Generation, b.Status.ObservedGeneration = 1, aws.Int64(1)
			b.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue, ObservedGeneration: 1}}
		}
	}
	clients, _ := boundCluster(t, objects...)
	const nodes = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/nodes/2234567890abcdef"
	for group, target := range map[string]elbv2types.TargetDescription{
		boundWeb: {Id: aws.String("10.0.128.21"), Port: aws.Int32(8080)},
		nodes:    {Id: aws.String("i-0a1de0000000000a1"), Port: aws.Int32(30080)},
	} {
		if _, err := clients.ELBV2.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(group),
			Targets: []elbv2types.TargetDescription{target}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, spec := range map[string]string{
		"web":   "targetGroupName: web, serviceRef: {name: wbe, port: http}",
		"nodes": `targetGroupARN: "` + nodes + `", serviceRef: {name: pool, port: 80}, nodeSelector: {matchLabels: {pool: wbe}}`,
	} {
		file := filepath.Join(t.TempDir(), "edited.yaml")
		if err := os.WriteFile(file, []byte("apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: "+
			name+", namespace: shop}\nspec: {"+spec+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errOut, err := lbc(t, "", "plan", "-f", file, "--context", "c")
		if !errors.Is(err, exitInvalid) || !strings.Contains(out, "not served; nothing would be changed") || !strings.Contains(out,
			" stay") || strings.Contains(out, "DeregisterTargets") {
			t.Errorf("%s: %v\n%s%s", name, err, out, errOut)
		}
	}
}

// TestPlanDeregistersNothingThatTheControllerKeeps has an edit of a Service lead to no endpoints, and one take the port
// of a binding.
func TestPlanDeregistersNothingThatTheControllerKeeps(t *testing.T) {
	for name, edit := range map[string]struct {
		reason  string
		service string
		slices  bool
		consent bool
		want    int // deregistrations
	}{
		"held":                   {"NoTargetsAfterEdit", "", false, false, 1},
		"the port was edited":    {"ServicePortEdited", "", false, false, 1},
		"held by the brake":      {"DeregistrationsHeld", "", false, false, 1},
		"held, with consent":     {"NoTargetsAfterEdit", "", false, true, 2},
		"nothing is held":        {"Reconciled", "", false, false, 2},
		"an edit takes the port": {"Reconciled", "81", true, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var all []client.Object
			for _, o := range objectsOf(t, "testdata/binding.yaml", "web-copy", "gone", "typed", "elsewhere", "other-account",
				"blind", "nodes") {
				switch x := o.(type) {
				case *v1beta1.TargetGroupBinding:
					x.Generation, x.Status.ObservedGeneration = 1, aws.Int64(1)
					x.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: metav1.ConditionFalse, ObservedGeneration: 1,
						Reason: edit.reason, LastTransitionTime: metav1.Now()}}
					if edit.consent {
						x.Annotations = map[string]string{naming.AllowDeregistration: "true"}
					}
				case *corev1.Pod:
					x.Status.Conditions = append(x.Status.Conditions, corev1.PodCondition{Type: corev1.ContainersReady,
						Status: corev1.ConditionTrue})
				case *discoveryv1.EndpointSlice:
					if !edit.slices {
						x.Endpoints = nil
					}
				}
				all = append(all, o)
			}
			clients, _ := boundCluster(t, append(all, recordOf(t, all, "web", bindings.Preceding{Group: boundWeb})...)...)
			for _, ip := range []string{"10.0.128.21", "10.0.128.99"} { // the latter is of no pod
				if _, err := clients.ELBV2.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{
					TargetGroupArn: aws.String(boundWeb), Targets: []elbv2types.TargetDescription{{Id: aws.String(ip),
						Port: aws.Int32(8080)}}}); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"plan", "-n", "shop"}
			if edit.service != "" {
				file := filepath.Join(t.TempDir(), "service.yaml")
				if err := os.WriteFile(file, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"+
					"spec: {selector: {app: web}, ports: [{name: other, port: "+edit.service+", targetPort: 8080}]}\n"),
					0o600); err != nil {
					t.Fatal(err)
				}
				args = []string{"plan", "-f", file, "--context", "c"}
			}
			out, errOut, _ := lbc(t, "", args...)
			if n := strings.Count(out, ":8080"); strings.Count(out, "DeregisterTargets") != 1 || strings.Contains(out,
				"10.0.128.21:8080") != (edit.want == 2) || !strings.Contains(out, "10.0.128.99:8080") {
				t.Errorf("%d\n%s%s", n, out, errOut)
			}
		})
	}
}

// recordOf returns the Lease of the leader, and its checkpoint with the record of the binding of a name among objects.
func recordOf(t *testing.T, objects []client.Object, name string, record bindings.Preceding) []client.Object {
	t.Helper()
	for _, o := range objects {
		if b, ok := o.(*v1beta1.TargetGroupBinding); ok && b.Name == name {
			record.UID = stdcmp.Or(record.UID, b.UID)
		}
	}
	k := fake.NewClientBuilder().Build()
	s := checkpoint.New(k, checkpoint.Config{Namespace: "ops", Name: checkpoint.NameOf("aws-load-balancer-controller-leader"),
		Now: time.Now, Log: logr.Discard()})
	if _, err := s.Open(t.Context(), func(bool) {}); err != nil {
		t.Fatal(err)
	}
	s.Put(checkpoint.ID{Kind: checkpoint.Preceding, Name: "shop/" + name}, record)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var list corev1.ConfigMapList
	if err := k.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	out := []client.Object{&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "ops",
		Name: "aws-load-balancer-controller-leader"}}}
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out
}

// TestPlanKeepsTargetsOlderThanTheBinding has two targets registered of which no pod is left.
func TestPlanKeepsTargetsOlderThanTheBinding(t *testing.T) {
	const older, since, stay = "10.0.128.98:8080", "10.0.128.99:8080", "these targets stay registered: "
	for name, x := range map[string]struct {
		record *bindings.Preceding
		goes   string // is deregistered; empty = nothing
		stays  string // is in the note; empty = there is none
	}{
		"no record":               {nil, "", stay + older + ", " + since + " ("},
		"a record":                {&bindings.Preceding{Group: boundWeb, Targets: []string{older}}, since, stay + older + " ("},
		"nothing is older":        {&bindings.Preceding{Group: boundWeb}, older, ""},
		"of another target group": {&bindings.Preceding{Group: "arn:other"}, "", stay + older + ", " + since},
		"of an earlier binding":   {&bindings.Preceding{UID: "earlier", Group: boundWeb}, "", stay + older + ", " + since},
		"not confirmed": {&bindings.Preceding{Group: boundWeb, Targets: []string{older}, Since: time.Now(),
			Own: []string{"10.0.128.97:8080"}}, "", stay + older + " ("},
		"not confirmed, its own": {&bindings.Preceding{Group: boundWeb, Targets: []string{older}, Since: time.Now(),
			Own: []string{since}}, since, stay + older + " ("},
	} {
		t.Run(name, func(t *testing.T) {
			all := objectsOf(t, "testdata/binding.yaml", "web-copy", "gone", "typed", "elsewhere", "other-account", "blind", "nodes")
			if x.record != nil {
				all = append(all, recordOf(t, all, "web", *x.record)...)
			}
			clients, _ := boundCluster(t, all...)
			in := &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(boundWeb)}
			for _, ip := range []string{"10.0.128.98", "10.0.128.99"} {
				in.Targets = append(in.Targets, elbv2types.TargetDescription{Id: aws.String(ip), Port: aws.Int32(8080)})
			}
			if _, err := clients.ELBV2.RegisterTargets(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			out, errOut, err := lbc(t, "", strings.Fields("plan -n shop -o json"+podlessFlag)...)
			var got struct {
				Bindings []struct {
					Binding    string
					Deregister []string
					Findings   []struct{ Reason, Message string }
				}
			}
			if err != nil || json.Unmarshal([]byte(out), &got) != nil || len(got.Bindings) != 1 {
				t.Fatalf("%v\n%s%s", err, out, errOut)
			}
			b := got.Bindings[0]
			if goes := strings.Join(b.Deregister, " "); !strings.HasPrefix(goes, x.goes) || x.goes == "" && goes != "" {
				t.Errorf("deregisters %q, want %q", goes, x.goes)
			}
			note := ""
			for _, d := range b.Findings {
				if strings.HasPrefix(d.Message, stay) {
					note = d.Message
				}
			}
			if !strings.HasPrefix(note, x.stays) || x.stays == "" && note != "" {
				t.Errorf("note %q, want %q", note, x.stays)
			}
		})
	}
}

func TestWithoutTheRightToListPodsANoteTakesThePlaceOfAPlan(t *testing.T) {
	_, s := boundCluster(t, objectsOf(t, "testdata/binding.yaml", "web-copy", "gone", "typed", "elsewhere",
		"other-account", "blind", "nodes")...)
	for refused, want := range map[string]string{
		"pods": "its targets are not planned: its endpoints cannot be read: reading endpoints and pods of namespace shop: " +
			"pods is forbidden",
		"nodes": "its targets are not planned: its endpoints cannot be read: reading the nodes: nodes is forbidden",
	} {
		s.refused = refused
		out, errOut, err := lbc(t, "", "plan", "--exit-code")
		if err != nil || !strings.HasPrefix(out, "elbv2.k8s.aws:shop/web: not planned\n  note: ") ||
			!strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s%s", refused, err, out, errOut)
		}
	}
}

// TestPlanShowsTargetsThatDiffer has a deployed Ingress whose pods are not registered
// yet.
func TestPlanShowsTargetsThatDiffer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte(`apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop, annotations: {alb.ingress.kubernetes.io/target-type: ip}}
spec: {ingressClassName: alb, rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.0.128.21], nodeName: a, targetRef: {kind: Pod, name: web-1}}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop}
spec: {nodeName: a, containers: [{name: web, image: web}]}
status: {podIP: 10.0.128.21}
---
apiVersion: v1
kind: Node
metadata: {name: a}
spec: {providerID: "aws:///us-west-2a/i-0a1de0000000000a1"}
status: {conditions: [{type: Ready, status: "True"}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	sim, clients := simulated(t)
	deploy(t, clients, file)
	all, _ := planned(t, clients, file, offline.Cluster{}, nil)
	objects := objectsOf(t, file)
	var arn string
	for _, b := range all[0].Compiled.Stack.Bindings {
		whole := awsop.Literal(b, func(r stack.Ref) string {
			for _, tg := range all[0].Observed.TargetGroups {
				if r.Kind == stack.KindTargetGroup && tg.ID == r.ID {
					arn = tg.ARN
					return tg.ARN
				}
			}
			for _, g := range all[0].Observed.SecurityGroups {
				if g.ID == r.ID {
					return g.GroupID
				}
			}
			return r.Literal
		})
		objects = append(objects, &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace,
			Name: b.Name, Labels: b.Labels, Annotations: b.Annotations}, Spec: bindingobject.BindingSpec(whole)})
	}
	selectBoth(t, sim, objects...)
	out, errOut, err := lbc(t, "", "plan", "--exit-code")
	if err != nil || !strings.Contains(out, "ingress.k8s.aws:shop/front: nothing to do\n") ||
		!strings.Contains(out, "RegisterTargets                10.0.128.21:8080 pod web-1") ||
		!strings.Contains(out, "open tcp 8080 from sg-") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	if _, err := clients.ELBV2.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: aws.String(arn),
		Targets: []elbv2types.TargetDescription{{Id: aws.String("10.0.128.21"), Port: aws.Int32(8080)}}}); err != nil {
		t.Fatal(err)
	}
	out, errOut, err = lbc(t, "", "plan")
	if err != nil || strings.Contains(out, "RegisterTargets") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
	name := all[0].Compiled.Stack.Bindings[0].Name
	out, errOut, err = lbc(t, "", "explain", "targetgroupbinding", name)
	if err != nil || !strings.Contains(out, "of stack ingress.k8s.aws:shop/front, which makes and changes it") ||
		!strings.Contains(out, "10.0.128.21:8080  pod web-1 on a  ") {
		t.Errorf("%v\n%s%s", err, out, errOut)
	}
}

// TestARecordingHasWhatPlansOfBindingsRead compares plans and explanations of a recording with those of the account.
func TestARecordingHasWhatPlansOfBindingsRead(t *testing.T) {
	boundCluster(t)
	file := filepath.Join(t.TempDir(), "recorded.json")
	if _, errOut, err := lbc(t, "", "record", file, "-f", "testdata/binding.yaml", "--cluster-name", "demo-cluster",
		"--aws-region", "us-west-2", "--aws-vpc-id", "vpc-0a1de000000000001"); err != nil {
		t.Fatalf("%v\n%s", err, errOut)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	for _, command := range []string{"plan", "explain targetgroupbinding shop/web",
		"explain targetgroupbinding shop/nodes"} {
		want, _, _ := lbc(t, "", strings.Fields(command+bindingFile)...)
		out, errOut, err := lbc(t, "", strings.Fields(command+" -f testdata/binding.yaml --account "+file+podlessFlag)...)
		// which the simulator's own client has not
		out = regexp.MustCompile(` \(request id [0-9a-f-]+\)`).ReplaceAllString(out, "")
		out = regexp.MustCompile(`AWS refused [a-z]+:DescribeTargetGroups: (.*) \((TargetGroupNotFound)\)`).
			ReplaceAllString(out, "$2: $1")
		if diff := cmp.Diff(want, out); diff != "" || out == "" {
			t.Errorf("%s: %v\n%s (-want +got)\n%s", command, err, errOut, diff)
		}
	}
}
