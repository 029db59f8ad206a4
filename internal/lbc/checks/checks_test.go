package checks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/support"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

// exclusive are checks whose findings exclude others: those about versions of Kubernetes, about Deployments, and about
// several default classes, and about subnets.
var exclusive = []string{"kubernetes-untested", "controller-absent", "ingress-unclassed", "vpc-missing",
	"iam-role-missing"}

func TestEachCheckFindsItsTroubleWithSeverityEvidenceAndRemedy(t *testing.T) {
	t.Parallel()
	r := Examine(sick(t), All())
	for _, o := range r.Checks {
		if o.Status != doctor.Found && !slices.Contains(exclusive, o.Check) {
			t.Errorf("%s is %s: %s", o.Check, o.Status, o.Reason)
		}
	}
	var text bytes.Buffer
	if err := r.Text(&text, false, nil); err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/sick.txt", text.String())
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/sick.json", string(out)+"\n")
}

// change makes a healthy cluster sick, or almost, for one check, and says what the check finds.
type change struct {
	name, check string
	change      func(*Facts)
	severity    doctor.Severity // empty = there is no finding
	text        string          // part of the first finding
}

// examine runs the check of each change on a healthy cluster with the change.
func examine(t *testing.T, changes []change) {
	t.Helper()
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := well(t)
			tt.change(f)
			i := slices.IndexFunc(All(), func(c Check) bool { return c.Name == tt.check })
			r := Examine(f, All()[i:i+1])
			if tt.severity == "" {
				if len(r.Findings) > 0 {
					t.Errorf("%+v", r.Findings)
				}
				return
			}
			if len(r.Findings) == 0 || r.Findings[0].Severity != tt.severity || !strings.Contains(r.Findings[0].Text, tt.text) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestFindingsAboutTheController(t *testing.T) {
	t.Parallel()
	examine(t, []change{
		{"no controller before the installation", "controller-absent", func(f *Facts) {
			f.Controllers, f.Objects = nil,
				snapshot()
		}, doctor.Note, "not installed"},
		{"no controller for objects that wait", "controller-absent",
			func(f *Facts) { f.Controllers = nil }, doctor.Error,
			"finalizers"},
		{"a controller outside", "controller-absent", func(f *Facts) {
			f.Controllers, f.Hooks[0].URL = nil, "https://127.0.0.1"
		}, "", ""},
		{"one of two replicas", "controller-unready",
			func(f *Facts) { f.Controllers[0].Ready = 1 }, doctor.Warning, "1 of 2"},
		{"scaled to nothing", "controller-unready",
			func(f *Facts) { f.Controllers[0].Ready, f.Controllers[0].Wanted = 0, 0 },
			doctor.Error, "0 of 0"},
		{"two leases", "controller-duplicate",
			func(f *Facts) { f.Leases = append(f.Leases, f.Leases[0]) }, doctor.Error,
			"2 leases"},
		{"a lease that was given back", "controller-leaderless",
			func(f *Facts) { f.Leases[0].Holder = "" }, doctor.Error,
			"no holder"},
		{"a lease of the existing controller", "status-unattended",
			func(f *Facts) { f.Leases[0].Holder = "pod_1" }, doctor.Warning,
			"1 LoadBalancer objects, and 1 of them"},
		{"a lease that was given back just now", "status-unattended",
			func(f *Facts) { f.Leases[0].Holder = "" }, "", ""},
		{"a lease that was given back long ago", "status-unattended", func(f *Facts) {
			f.Leases[0].Holder, f.Leases[0].Renewed = "", f.Now.Add(-3*time.Minute)
		}, doctor.Warning, "no controller"},
		{"a lease that was deleted", "status-unattended",
			func(f *Facts) { f.Leases = nil }, doctor.Warning, "no controller"},
		{"no election", "status-unattended", func(f *Facts) {
			f.Leases, f.Shown[0].Writer = nil, "without election (leader)"
		}, "", ""},
		{"a leader that changes often", "leader-unstable", func(f *Facts) {
			f.Controllers[0].Pods[0].Restarts = "restarts: 4, last after exit status 137 OOMKilled"
			addElections(f, time.Minute, 2*time.Minute, 14*time.Minute, 10*time.Minute)
		}, doctor.Warning, "changed 4 times within 15 minutes"},
		{"three changes of the leader", "leader-unstable", func(f *Facts) {
			addElections(f, 0, time.Minute, 2*time.Minute, time.Hour)
		}, "", ""},
		{"changes in one event", "leader-unstable", func(f *Facts) {
			f.Leases[0].Elections = []Election{{First: f.Now.Add(-9 * time.Minute), Last: f.Now, Times: 12,
				Text: "a became leader"}}
		}, doctor.Warning, "changed 12 times"},
		{"a process that leads again after days", "leader-unstable", func(f *Facts) {
			f.Leases[0].Elections = []Election{{First: f.Now.Add(-90 * time.Hour), Last: f.Now, Times: 12,
				Text: "a became leader"}}
		}, "", ""},
		{"a pod that restarts often", "leader-unstable",
			func(f *Facts) { addRestarts(f, 4, 15*time.Minute, time.Minute) }, doctor.Warning,
			"has restarted 4 times in 15 minutes"},
		{"three restarts of a pod", "leader-unstable",
			func(f *Facts) { addRestarts(f, 3, 9*time.Minute, time.Minute) }, "", ""},
		{"restarts of a pod in many days", "leader-unstable",
			func(f *Facts) { addRestarts(f, 12, 90*24*time.Hour, time.Minute) }, "", ""},
		{"restarts of a pod that have ended", "leader-unstable",
			func(f *Facts) { addRestarts(f, 9, 40*time.Minute, 20*time.Minute) }, "", ""},
		{"no lease", "controller-leaderless", func(f *Facts) { f.Leases = nil }, "", ""},
		{"the lease of former processes, and one that elects no leader", "controller-leaderless", func(f *Facts) {
			f.Leases[0].Renewed = f.Now.Add(-time.Hour)
			f.Controllers = []Deployment{{Unelected: true}}
		}, "", ""},
		{"controllers of one namespace each", "controller-duplicate", func(f *Facts) {
			f.Controllers = []Deployment{{Name: "a", Watches: "shop"}, {Name: "b", Watches: "bank"}}
		}, "", ""},
		{"controllers of the same namespace", "controller-duplicate", func(f *Facts) {
			f.Controllers = []Deployment{{Name: "a", Watches: "shop"}, {Name: "b", Watches: "shop"}}
		}, doctor.Error, "there are 2 Deployments"},
		{"a controller of one namespace beside one of all", "controller-duplicate", func(f *Facts) {
			f.Controllers = []Deployment{{Name: "a", Watches: "shop"}, {Name: "b"}}
		}, doctor.Error, "there are 2 Deployments"},
	})
}

func TestFindingsAboutObjects(t *testing.T) {
	t.Parallel()
	annotation := annotated("alb.ingress.kubernetes.io/scheme", "internal")
	examine(t, []change{
		{"an Ingress without class", "ingress-unclassed", func(f *Facts) {
			f.Objects = snapshot(ingressOf(meta("a", "b", annotation), ""))
		}, doctor.Warning, "no class"},
		{"an Ingress of another controller", "ingress-unclassed", func(f *Facts) {
			f.Objects = snapshot(ingressOf(meta("a", "b"), ""))
		}, "", ""},
		{"an Ingress of the default class", "ingress-unclassed", func(f *Facts) {
			f.Objects = snapshot(ingressOf(meta("a", "b", annotation), ""),
				classOf(meta("", "alb", annotated(networkingv1.AnnotationIsDefaultIngressClass, "true")), ""))
		}, "", ""},
		{"an Ingress with a misspelt legacy class", "ingress-unclassed", func(f *Facts) {
			f.Objects = snapshot(ingressOf(meta("a", "b", annotated("alb.ingress.kubernetes.io/scheme", "internal",
				ingress.LegacyClassAnnotation, "abl")), ""))
		}, doctor.Warning, `"alb" may be meant`},
		{"an Ingress with the legacy class of others", "ingress-unclassed", func(f *Facts) {
			f.Objects = snapshot(ingressOf(meta("a", "b", annotated("alb.ingress.kubernetes.io/scheme", "internal",
				ingress.LegacyClassAnnotation, "nginx")), ""))
		}, "", ""},
		{"an Ingress without class where those are served", "ingress-unclassed", func(f *Facts) {
			f.IngressClass, f.Objects = "", snapshot(ingressOf(meta("a", "b", annotation), ""))
		}, "", ""},
		{"class parameters that guard and no class names", "class-params-unused", func(f *Facts) {
			f.Objects = snapshot(classOf(meta("", "alb"), ""), &v1beta1.IngressClassParams{ObjectMeta: meta("", "internal"),
				Spec: v1beta1.IngressClassParamsSpec{InboundCIDRs: []string{"10.0.0.0/8"}}})
		}, doctor.Warning, "protects no load balancer (spec.inboundCIDRs)"},
		{"class parameters that no class names", "class-params-unused", func(f *Facts) {
			f.Objects = snapshot(&v1beta1.IngressClassParams{ObjectMeta: meta("", "idle"),
				Spec: v1beta1.IngressClassParamsSpec{LoadBalancerName: "one"}})
		}, doctor.Note, "no IngressClass"},
		{"class parameters that declare nothing", "class-params-unused", func(f *Facts) {
			f.Objects = snapshot(&v1beta1.IngressClassParams{ObjectMeta: meta("", "idle")})
		}, "", ""},
		{"class parameters that a class names", "class-params-unused", func(f *Facts) {
			f.Objects = snapshot(classOf(meta("", "alb"), "used"), &v1beta1.IngressClassParams{ObjectMeta: meta("", "used")})
		}, "", ""},
		{"a denied action", "controller-denied", func(f *Facts) {
			f.Events = append(f.Events, event("Ingress", "shop", "web", "Warning", "FailedDeployModel",
				"elasticloadbalancing:AddTags [AccessDenied]", time.Minute))
		}, doctor.Error, "denies"},
		{"a denied action before a success", "controller-denied", func(f *Facts) {
			f.Events = append(f.Events, event("Ingress", "shop", "web", "Warning", "FailedDeployModel",
				"elasticloadbalancing:AddTags [AccessDenied]", 15*time.Minute))
		}, "", ""},
		{"a denied action, as it is repeated", "controller-denied", func(f *Facts) {
			f.Events = []corev1.Event{event("Ingress", "shop", "web", "Warning", "FailedDeployModel",
				"elasticloadbalancing:AddTags [AccessDenied]", 25*time.Minute)}
		}, doctor.Error, "denies"},
		{"a denied action that is repeated no more", "controller-denied", func(f *Facts) {
			f.Events = []corev1.Event{
				event("Ingress", "shop", "web", "Warning", "FailedDeployModel", "elasticloadbalancing:AddTags [AccessDenied]",
					30*time.Minute),
				event("Ingress", "shop", "web", "Warning", "FailedDeployModel", "the subnet does not exist", 10*time.Minute),
			}
		}, "", ""},
		{"a denied action for an object that is gone", "controller-denied", func(f *Facts) {
			f.Events = append(f.Events, event("Ingress", "shop", "gone", "Warning", "FailedDeployModel",
				"elasticloadbalancing:AddTags [AccessDenied]", time.Minute))
		}, "", ""},
		{"a failing object with a later note", "object-failing", func(f *Facts) {
			f.Events = []corev1.Event{
				event("Ingress", "shop", "web", "Warning", "FailedBuildModel", "invalid scheme", 2*time.Minute),
				event("Ingress", "shop", "web", "Normal", "Note", "a setting has no effect [IgnoredSetting]", time.Minute),
			}
		}, doctor.Warning, "FailedBuildModel"},
		{"a failing object that is gone", "object-failing", func(f *Facts) {
			f.Events = append(f.Events, event("Ingress", "shop", "gone", "Warning", "FailedBuildModel", "invalid scheme",
				time.Minute))
		}, "", ""},
		{"a failing object of a kind that is not read", "object-failing", func(f *Facts) {
			f.Events = append(f.Events, event("HTTPRoute", "shop", "web", "Warning", "FailedBuildModel", "invalid", time.Minute))
		}, doctor.Warning, "FailedBuildModel"},
		{"a failing object whose kind cannot be read", "object-failing", func(f *Facts) {
			f.Unread = map[doctor.Source]doctor.Unread{doctor.Objects: {Reason: "forbidden"}}
			f.Events = append(f.Events, event("Ingress", "shop", "unseen", "Warning", "FailedBuildModel", "invalid scheme",
				time.Minute))
		}, doctor.Warning, "FailedBuildModel"},
		{"Services with ports of their own", "load-balancers-shareable", func(f *Facts) {
			f.Objects = snapshot(balancerOf("a", 80), balancerOf("b", 81), balancerOf("c", 82, 83))
		}, doctor.Note, "3 of them"},
		{"Services with one port", "load-balancers-shareable", func(f *Facts) {
			f.Objects = snapshot(balancerOf("a", 80), balancerOf("b", 80), balancerOf("c", 81))
		}, "", ""},
		{"a target group that bindings share", "target-group-bound-twice", func(f *Facts) {
			a, b := binding("shop", "a", "web"), binding("shop", "b", "web")
			a.Spec.MultiClusterTargetGroup, b.Spec.MultiClusterTargetGroup = true, true
			f.Objects = snapshot(a, b)
		}, "", ""},
		{"a target group that one binding shares", "target-group-bound-twice", func(f *Facts) {
			a, b := binding("shop", "a", "web"), binding("other", "b", "web")
			a.Spec.MultiClusterTargetGroup = true
			f.Objects = snapshot(a, b)
		}, doctor.Error, "2 TargetGroupBindings"},
	})
}

func TestFindingsAboutTargets(t *testing.T) {
	t.Parallel()
	examine(t, []change{
		{"what another cluster of the name serves", "cluster-name-shared", func(f *Facts) {
			f.TargetGroups = append(f.TargetGroups, elsewhere("10.9.9.9", "healthy"))
		}, doctor.Error, "neither pods nor nodes of this cluster"},
		{"what is left of this cluster", "cluster-name-shared", func(f *Facts) {
			f.TargetGroups = append(f.TargetGroups, elsewhere("10.9.9.9", "unhealthy"), elsewhere("10.0.1.1", "healthy"),
				elsewhere("i-1", "healthy"))
		}, "", ""},
		{"targets that could not be read", "cluster-name-shared", func(f *Facts) {
			f.TargetGroups = append(f.TargetGroups, elsewhere("10.9.9.9", "healthy"))
			f.Unread = map[doctor.Source]doctor.Unread{doctor.Workloads: {Reason: "no"}}
		}, "", ""},
		{"some targets unhealthy", "targets-unhealthy", func(f *Facts) {
			f.TargetGroups[0].Targets = append(f.TargetGroups[0].Targets, Target{ID: "10.0.1.2", State: "unhealthy"})
		}, doctor.Warning, "1 of 2"},
		{"a pod that became ready now", "endpoints-unregistered", func(f *Facts) {
			f.TargetGroups[0].Targets = nil
			f.Pods[0].Status.Conditions[0].LastTransitionTime.Time = now.Add(-time.Second)
		}, "", ""},
		{"an endpoint without a pod", "endpoints-unregistered", func(f *Facts) {
			f.TargetGroups[0].Targets = nil
			f.Slices[0].Endpoints[0].TargetRef = nil
		}, "", ""},
		{"a target that leaves", "endpoints-unregistered",
			func(f *Facts) { f.TargetGroups[0].Targets[0].State = "draining" },
			doctor.Error, "1 of 1"},
		{"a Service without ready endpoints", "targets-absent", func(f *Facts) {
			f.TargetGroups[0].Targets, f.Slices = nil, nil
		}, doctor.Warning, "target group k8s-shop-web has no targets: Service shop/web has no ready endpoints"},
		{"a Service whose endpoints could not be read", "targets-absent", func(f *Facts) {
			f.TargetGroups[0].Targets, f.Slices = nil, nil
			f.Unread = map[doctor.Source]doctor.Unread{doctor.Workloads: {Reason: "forbidden"}}
		}, "", ""},
		{"a Service without ready endpoints whose targets leave", "targets-absent", func(f *Facts) {
			f.Slices, f.TargetGroups[0].Targets[0].State = nil, "draining"
		}, "", ""},
		{"a Service of another name", "targets-absent", func(f *Facts) {
			f.Objects.Put(&corev1.Service{ObjectMeta: meta("shop", "web"), Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeExternalName, ExternalName: "interceptor.keda.svc.cluster.local"}})
		}, doctor.Warning, "is of type ExternalName (interceptor.keda.svc.cluster.local) and has no endpoints"},
		{"a short sleep", "termination-abrupt", func(f *Facts) {
			f.Pods[0].Spec.TerminationGracePeriodSeconds = ptr(int64(60))
			f.Pods[0].Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
				Sleep: &corev1.SleepAction{Seconds: 5}}}
		}, doctor.Note, "container app sleeps for 5 seconds, and load balancers may send requests for 30 seconds"},
		{"a hook of its own", "termination-abrupt", func(f *Facts) {
			f.Pods[0].Spec.TerminationGracePeriodSeconds = ptr(int64(60))
			f.Pods[0].Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{}}
		}, "", ""},
		{"a declared time", "termination-abrupt", func(f *Facts) {
			f.Pods[0].Spec.TerminationGracePeriodSeconds = ptr(int64(5))
			f.Pods[0].Annotations = map[string]string{"elbv2.k8s.aws/pod-drain-seconds": "2"}
		}, "", ""},
	})
}

func TestFindingsAboutTheAccount(t *testing.T) {
	t.Parallel()
	examine(t, []change{
		{"a host that no certificate covers", "certificate-not-covering", func(f *Facts) {
			f.Certificates[0].Domains = []string{"example.org"}
		}, doctor.Warning, "shop.example.com"},
		{"a certificate whose names are not known", "certificate-not-covering", func(f *Facts) {
			f.Certificates[0].Domains = []string{"example.org"}
			f.LoadBalancers[0].Certificates = append(f.LoadBalancers[0].Certificates,
				"arn:aws:iam::123456789012:server-certificate/old")
		}, "", ""},
		{"no VPC", "vpc-missing", func(f *Facts) { f.VPCExists = false }, doctor.Error, "no such VPC"},
		{"no subnets of no VPC", "subnets-unusable",
			func(f *Facts) { f.VPCExists, f.AWS = false, facts.Facts{} }, "", ""},
		{"a private VPC", "subnets-unusable", func(f *Facts) {
			for id, s := range f.AWS.Subnets {
				if s.Public {
					delete(f.AWS.Subnets, id)
				}
			}
		}, doctor.Note, "no subnets"},
		{"a certificate that has expired", "certificate-expiring", func(f *Facts) {
			f.Certificates[0].Expires = now.Add(-3 * day)
		}, doctor.Error, "has expired 3 days ago"},
		{"a certificate for three weeks", "certificate-expiring", func(f *Facts) {
			f.Certificates[0].Expires = now.Add(21 * day)
		}, doctor.Warning, "expires in 21 days"},
		{"half of the life of a certificate for six days", "certificate-expiring", func(f *Facts) {
			f.Certificates[0].Begins, f.Certificates[0].Expires = now.Add(-3*day), now.Add(3*day)
		}, "", ""},
		{"the last quarter of it", "certificate-expiring", func(f *Facts) {
			f.Certificates[0].Begins, f.Certificates[0].Expires = now.Add(-5*day), now.Add(day)
		}, doctor.Warning, "expires in 24 hours"},
		{"no name of a cluster", "orphaned", func(f *Facts) { f.Settings.Cluster, f.Declared = "", nil }, "", ""},
	})
}

func TestFindingsAboutQuotas(t *testing.T) {
	t.Parallel()
	examine(t, []change{
		{"a limit that is reached", "quota",
			func(f *Facts) { f.Counts["target-groups"] = 3000 }, doctor.Error, "3000 of 3000"},
		{"a limit of interfaces that AWS has raised", "quota-security-groups", func(f *Facts) {
			f.GroupLimit, f.LoadBalancers[0].SecurityGroups = 8, []string{"sg-1", "sg-2", "sg-3", "sg-4", "sg-5"}
		}, "", ""},
		{"a limit of interfaces that is not known", "quota-security-groups", func(f *Facts) {
			f.GroupLimit, f.LoadBalancers[0].SecurityGroups = 0, []string{"sg-1", "sg-2", "sg-3", "sg-4", "sg-5"}
		}, doctor.Warning, "5 of 5"},
		{"many rules of the other family", "quota-security-groups",
			func(f *Facts) { f.Rules[0].IPv6 = 48 }, doctor.Warning,
			"48 of 60"},
		{"more rules than by default", "quota-security-groups", func(f *Facts) { f.Rules[0].IPv4 = 61 }, "", ""},
		{"many rules of a group of others", "quota-security-groups",
			func(f *Facts) { f.Rules[1].IPv4 = 60 }, "", ""},
		{"many imports", "quota-certificates", func(f *Facts) {
			f.Imported = slices.Repeat([]time.Time{now.Add(-day)}, 4000)
		}, doctor.Warning, "4000 of 5000 of limit certificates-per-year"},
		{"imports of last year", "quota-certificates", func(f *Facts) {
			f.Imported = slices.Repeat([]time.Time{now.Add(-366 * day)}, 4000)
		}, "", ""},
		{"many targets in a zone", "quota", func(f *Facts) {
			f.Limits["targets-per-availability-zone-per-network-load-balancer"], f.LoadBalancers[0].Type = 1, stack.Network
		}, doctor.Error, "1 of 1 of limit targets-per-availability-zone"},
	})
}

func TestFindingsAboutClusterAndNodes(t *testing.T) {
	t.Parallel()
	examine(t, []change{
		{"an interface of which no group is chosen", "security-group-ambiguous", func(f *Facts) {
			f.Instances[0].Groups, f.Instances[0].Extended = "exactly one should; tag one", ""
		}, doctor.Error, "exactly one should"},
		{"an interface of which one group is chosen", "security-group-ambiguous", func(f *Facts) {
			f.Instances[0].Groups = "exactly one should: the controller adds its rules to sg-1"
		}, doctor.Warning, "adds its rules to sg-1"},
		{"a hop limit where all is given", "imds-unreachable",
			func(f *Facts) { f.Instances[0].HopLimit = 1 }, "", ""},
		{"a hop limit before the installation", "imds-unreachable", func(f *Facts) {
			f.Instances[0].HopLimit, f.Controllers = 1, nil
		}, doctor.Note, "needs a region"},
		{"clocks three minutes apart", "clock-skew",
			func(f *Facts) { f.Clocks[1].Ahead = 3 * time.Minute }, doctor.Warning,
			"AWS is 3 minutes ahead of the clock of this machine"},
		{"Kubernetes without the APIs", "kubernetes-outdated",
			func(f *Facts) { f.Kubernetes = "v1.21.9" }, doctor.Error, "v1.21.9"},
		{"Kubernetes of the oldest supported version", "kubernetes-outdated", func(f *Facts) {
			f.Kubernetes = "v" + support.Oldest().String() + ".0-eks-1"
		}, "", ""},
		{"Kubernetes of the newest supported version", "kubernetes-untested", func(f *Facts) {
			f.Kubernetes = "v" + support.Newest().String() + ".9"
		}, "", ""},
		{"Kubernetes of the future", "kubernetes-untested", func(f *Facts) { f.Kubernetes = "v1.99.0" }, doctor.Note,
			"newer than v" + support.Newest().String()},
		{"Kubernetes of no release", "kubernetes-outdated",
			func(f *Facts) { f.Kubernetes = "v0.0.0-master+$Format:%H$" }, "",
			""},
		{"no Gateway API", "crd-missing", func(f *Facts) {
			for name := range f.Definitions {
				if strings.Contains(name, ".gateway.") {
					delete(f.Definitions, name)
				}
			}
		}, "", ""},
		{"a node's clock two minutes ahead", "node-clock-skew", func(f *Facts) {
			f.Heartbeats[0].Renewed = now.Add(2 * time.Minute)
		}, doctor.Warning, "2 minutes ahead of"},
		{"a node's clock six minutes behind", "node-clock-skew", func(f *Facts) {
			f.Heartbeats[0].Renewed = now.Add(-6 * time.Minute)
		}, doctor.Error, "5 minutes behind"},
		{"a node that has stopped", "node-clock-skew", func(f *Facts) {
			f.Heartbeats[0] = Heartbeat{Node: "n1", Renewed: now.Add(-time.Hour)}
		}, "", ""},
	})
}

func TestFindingsAboutPermissions(t *testing.T) {
	t.Parallel()
	examine(t, []change{
		{"a role that does not exist", "iam-role-missing",
			func(f *Facts) { f.Permissions.Exists = false }, doctor.Error,
			"no such role"},
		{"nothing of a role that does not exist", "iam-denied", func(f *Facts) {
			f.Permissions.Exists, f.Permissions.Lacking = false, []Lack{{}}
		}, "", ""},
		{"a role that is not known", "iam-denied", func(f *Facts) { f.Permissions = Permissions{} }, "", ""},
		{"what only a feature needs", "iam-denied", func(f *Facts) {
			f.Permissions.Lacking = []Lack{{Sid: "Read", Action: "acm:ListCertificates", Severity: doctor.Warning}}
		}, doctor.Warning, "may not acm:ListCertificates, of statement Read"},
		{"what the standard policy lacks", "iam-denied", func(f *Facts) {
			f.Permissions.Lacking = []Lack{{Sid: "AddOns", Action: "wafv2:ListWebACLs", Severity: doctor.Note}}
		}, doctor.Note, "statement AddOns"},
		{"a Deny", "iam-denied", func(f *Facts) {
			f.Permissions.Lacking = []Lack{
				{Sid: "Read", Action: "ec2:DescribeSubnets", Explicit: true, Severity: doctor.Error}}
		}, doctor.Error, "a policy denies it"},
		{"actions that were not tried", "iam-denied", func(f *Facts) {
			f.Permissions.Untried = []string{"elasticloadbalancing:SetSubnets"}
		}, doctor.Note, "1 of its actions could not be tried"},
	})
}

func TestAHealthyClusterHasNoFindings(t *testing.T) {
	t.Parallel()
	r := Examine(well(t), All())
	if !r.Healthy || len(r.Findings) > 0 {
		t.Errorf("%+v", r.Findings)
	}
	for _, o := range r.Checks {
		if o.Status != doctor.Passed {
			t.Errorf("%+v", o)
		}
	}
	if r.Findings == nil {
		t.Error("JSON would have null for the findings")
	}
	var text bytes.Buffer
	if err := r.Text(&text, true, nil); err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/well.txt", text.String())
}

func TestWhatCannotBeReadIsAFindingAndLeavesOtherChecksToBeMade(t *testing.T) {
	t.Parallel()
	f := well(t)
	f.Unread = map[doctor.Source]doctor.Unread{
		doctor.Nodes:         {Reason: "nodes is forbidden"},
		doctor.LoadBalancers: {Reason: "AWS denies elasticloadbalancing:DescribeTags"},
		doctor.Listeners:     {Reason: "AWS denies elasticloadbalancing:DescribeTags", Because: doctor.LoadBalancers},
		doctor.Certificates:  {Reason: "AWS denies elasticloadbalancing:DescribeTags", Because: doctor.LoadBalancers},
		doctor.Limits:        {Reason: "--offline", Unwanted: true},
	}
	r := Examine(f, All())
	if r.Healthy || r.Warnings != 2 || len(r.Findings) != 2 {
		t.Fatalf("%+v", r.Findings)
	}
	for i, want := range []struct {
		object, evidence string
	}{{"load-balancers", "certificate-expiring"}, {"nodes", "node-provider-id"}} {
		if x := r.Findings[i]; x.Check != doctor.Unreadable || x.Object != want.object || x.Remedy == "" ||
			!strings.Contains(strings.Join(x.Evidence, ""), want.evidence) {
			t.Errorf("%+v", x)
		}
	}
	status := map[string]doctor.Status{}
	for _, o := range r.Checks {
		status[o.Check] = o.Status
	}
	for check, want := range map[string]doctor.Status{"node-provider-id": doctor.Unchecked, "orphaned": doctor.Unchecked,
		"certificate-expiring": doctor.Unchecked, "quota": doctor.Unchecked, "vpc-missing": doctor.Passed} {
		if status[check] != want {
			t.Errorf("%s is %s, want %s", check, status[check], want)
		}
	}
	// Checks that do not need it do not mention it.
	if r := Examine(f, []Check{clusterChecks()[0]}); !r.Healthy {
		t.Errorf("%+v", r.Findings)
	}
}

func TestTheTableOfChecksIsWhole(t *testing.T) {
	t.Parallel()
	known := map[doctor.Source]bool{}
	for _, s := range doctor.Sources {
		for _, before := range slices.Concat(s.Through, s.Uses) {
			if !known[before] {
				t.Errorf("source %s is before %s, which it is read after", s.Name, before)
			}
		}
		known[s.Name] = true
	}
	seen := map[string]bool{}
	for _, c := range All() {
		if seen[c.Name] || c.Name == doctor.Unreadable || c.About == "" || c.Remedy == "" || len(c.Needs) == 0 ||
			c.Find == nil {
			t.Errorf("check %s: %+v", c.Name, c)
		}
		seen[c.Name] = true
		for _, n := range slices.Concat(c.Needs, c.Uses) {
			if !known[n] {
				t.Errorf("check %s needs source %s, which there is not", c.Name, n)
			}
		}
	}
}

func TestACheckNeedsTheSourcesByWhichItsOwnAreReached(t *testing.T) {
	t.Parallel()
	got := NeededBy([]Check{{Needs: []doctor.Source{doctor.Certificates}}})
	if want := []doctor.Source{doctor.APIServer, doctor.Controller, doctor.Objects, doctor.Nodes, doctor.Account,
		doctor.LoadBalancers, doctor.Listeners,
		doctor.Certificates}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// addRestarts has a pod restart so many times since it was started, the last time some time ago.
func addRestarts(f *Facts, times int, started, last time.Duration) {
	p := &f.Controllers[0].Pods[0]
	p.Times, p.Started, p.Ended = times, f.Now.Add(-started), f.Now.Add(-last)
	p.Restarts = fmt.Sprintf("restarts: %d, last after exit status 137 OOMKilled", times)
}

func TestUnstableLeaderHasRestartsAndTransitions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Facts){
		"restarts":  func(f *Facts) {},
		"elections": func(f *Facts) { addElections(f, 0, time.Minute, 2*time.Minute, 3*time.Minute) },
	} {
		f := well(t)
		addRestarts(f, 4, 12*time.Minute, time.Minute)
		f.Leases[0].Transitions, f.Leases[0].Created = 9, f.Now.Add(-48*time.Hour)
		change(f)
		found := unstableLeaders(f)
		if len(found) != 1 {
			t.Fatalf("%s: %+v", name, found)
		}
		evidence := strings.Join(found[0].Evidence, "\n")
		for _, want := range []string{"137 OOMKilled", "has changed 9 times since its creation, 2 days ago"} {
			if !strings.Contains(evidence, want) {
				t.Errorf("%s: no %q in %s", name, want, evidence)
			}
		}
	}
}

// addElections adds events about processes that took the Lease, some time ago.
func addElections(f *Facts, ago ...time.Duration) {
	for _, d := range ago {
		at := f.Now.Add(-d)
		f.Leases[0].Elections = append(f.Leases[0].Elections, Election{First: at, Last: at, Times: 1,
			Text: "pod_lbc-1 became leader"})
	}
}
