package bindings

import (
	"slices"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

const onNode = "i-0a1de0000000000a1:30080"

// forwardingLab has a binding of type instance, a pod of its namespace, one of another, and the EndpointSlices given.
func forwardingLab(t *testing.T, flag string, slicesOf ...client.Object) (*lab.Lab, *v1beta1.TargetGroupBinding) {
	t.Helper()
	n := lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1")
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.128.10"}}
	pod := func(namespace, name, address string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		p.Spec.NodeName, p.Status.PodIP = "a", address
		return p
	}
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, n, pod("victim", "db", "10.0.128.50"), pod("shop", "mine", "10.0.128.51"))
	l.Flags("--endpoints-without-pods=" + flag)
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumInstance), v1beta1.TargetTypeInstance)
	b.Generation = 1
	b.Spec.Networking = lab.NetworkingOf(lab.Peer + " 30080")
	l.Create(append(slicesOf, b)...)
	l.Settle()
	return l, b
}

func mine() client.Object {
	return lab.HandSlice("mine", 8080, lab.At("10.0.128.51", "shop", "mine"))
}

// with changes the conditions of the first endpoint of a slice.
func with(s *discoveryv1.EndpointSlice, ready, serving, terminating bool) *discoveryv1.EndpointSlice {
	s.Endpoints[0].Conditions = discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &terminating}
	return s
}

// extraSlices are EndpointSlices that a tenant adds to his Service. why is what the event says; empty = the slice opens
// nothing.
var extraSlices = map[string]struct {
	slice func() *discoveryv1.EndpointSlice
	why   string
}{
	"a pod of another tenant": {func() *discoveryv1.EndpointSlice {
		return lab.HandSlice("raw", 8080, lab.At("10.0.128.50", "", ""))
	}, "10.0.128.50:8080 (not allowed to namespace shop by --endpoints-without-pods)"},
	"the kubelet": {func() *discoveryv1.EndpointSlice {
		return lab.HandSlice("kubelet", 10250, lab.At("10.0.128.10", "", ""))
	}, "10.0.128.10:10250 (the address of node a)"},
	"a database": {func() *discoveryv1.EndpointSlice {
		return lab.HandSlice("db", 5432, lab.At("10.0.0.10", "", ""))
	}, "10.0.0.10:5432 (not allowed to namespace shop by --endpoints-without-pods)"},
	"a pod in its namespace": {func() *discoveryv1.EndpointSlice {
		return lab.HandSlice("theirs", 8080, lab.At("10.0.128.50", "victim", "db"))
	}, "10.0.128.50:8080 of pod victim/db (its pod is in another namespace)"},
	"a pod as the own one": {func() *discoveryv1.EndpointSlice {
		return lab.HandSlice("forged", 8080, lab.At("10.0.128.50", "shop", "mine"))
	}, "10.0.128.50:8080 of pod shop/mine (the pod does not have this address)"},
	"a pod that does not exist": {func() *discoveryv1.EndpointSlice {
		return lab.HandSlice("ghost", 8080, lab.At("10.0.128.50", "shop", "ghost"))
	}, "10.0.128.50:8080 of pod shop/ghost (its pod does not exist)"},
	"as the EndpointSlice controller would": {func() *discoveryv1.EndpointSlice {
		s := lab.HandSlice("ghost", 8080, lab.At("10.0.128.50", "shop", "ghost"))
		s.Labels[discoveryv1.LabelManagedBy] = "endpointslice-controller.k8s.io"
		return s
	}, "10.0.128.50:8080 of pod shop/ghost (its pod does not exist)"},
	"a virtual machine": {func() *discoveryv1.EndpointSlice {
		s := lab.HandSlice("vm", 22, lab.At("10.0.0.11", "", ""))
		s.Endpoints[0].TargetRef = &corev1.ObjectReference{Kind: "VirtualMachine", Name: "vm"}
		return s
	}, "10.0.0.11:22 (not allowed to namespace shop by --endpoints-without-pods)"},
	"a second address": {func() *discoveryv1.EndpointSlice {
		s := lab.HandSlice("two", 8080, lab.At("10.0.128.51", "shop", "mine"))
		s.Endpoints[0].Addresses = append(s.Endpoints[0].Addresses, "10.0.128.50")
		return s
	}, "10.0.128.50:8080 of pod shop/mine (the pod does not have this address)"},
	"an IPv6 address": {func() *discoveryv1.EndpointSlice {
		s := lab.HandSlice("six", 8080, lab.At("fd00:1::7", "", ""))
		s.AddressType = discoveryv1.AddressTypeIPv6
		return s
	}, "fd00:1::7:8080 (not allowed to namespace shop by --endpoints-without-pods)"},
	"one that is said to end": {func() *discoveryv1.EndpointSlice {
		return with(lab.HandSlice("ending", 8080, lab.At("10.0.128.50", "", "")), false, true, true)
	}, "10.0.128.50:8080 (not allowed"},
	"one that is not ready": {slice: func() *discoveryv1.EndpointSlice {
		return with(lab.HandSlice("unready", 8080, lab.At("10.0.128.50", "", "")), false, false, false)
	}},
	"one that serves no longer": {slice: func() *discoveryv1.EndpointSlice {
		return with(lab.HandSlice("ended", 8080, lab.At("10.0.128.50", "", "")), false, false, true)
	}},
	"another port": {slice: func() *discoveryv1.EndpointSlice {
		s := lab.HandSlice("other", 8080, lab.At("10.0.128.50", "", ""))
		s.Ports[0].Name = ptr.To("metrics")
		return s
	}},
	"another Service": {slice: func() *discoveryv1.EndpointSlice {
		s := lab.HandSlice("other", 8080, lab.At("10.0.128.50", "", ""))
		s.Labels[discoveryv1.LabelServiceName] = "api"
		return s
	}},
	"the own pod": {slice: func() *discoveryv1.EndpointSlice {
		return lab.HandSlice("again", 8080, lab.At("10.0.128.51", "shop", "mine"))
	}},
}

// TestNodesForwardToPodsOfTheNamespaceOnly has a tenant give a Service with instance targets an endpoint that is not
// his: before its binding comes, and while its binding serves.
func TestNodesForwardToPodsOfTheNamespaceOnly(t *testing.T) {
	t.Parallel()
	for name, c := range extraSlices {
		for _, policy := range []corev1.ServiceExternalTrafficPolicy{"Cluster", "Local"} {
			t.Run(name+", "+string(policy), func(t *testing.T) {
				t.Parallel()
				want := []string{onNode}
				if c.why != "" {
					want = nil
				}
				early, b := forwardingLab(t, "none", mine(), c.slice())
				early.WantTargets(b.Spec.TargetGroupARN, want...)

				l, b := forwardingLab(t, "none", mine())
				l.WantTargets(b.Spec.TargetGroupARN, onNode)
				svc := &corev1.Service{}
				l.Get(svc, "web")
				svc.Spec.ExternalTrafficPolicy = policy
				l.Must(l.Client.Update(t.Context(), svc))
				l.Events = nil
				l.Create(c.slice())
				l.Settle()
				l.WantTargets(b.Spec.TargetGroupARN, want...)
				if c.why == "" {
					if strings.Contains(strings.Join(l.Events, "\n"), string(diag.EndpointNotAllowed)) {
						t.Errorf("told %v", l.Events)
					}
					return
				}
				for _, o := range []string{"TargetGroupBinding shop/bound", "Service shop/web"} {
					if !l.Saw(o, "["+string(diag.EndpointNotAllowed)+"]", c.why, "--endpoints-without-pods=shop=CIDR") {
						t.Errorf("%s is not told of %s:\n%s", o, c.why, strings.Join(l.Events, "\n"))
					}
				}
				l.Restart()
				l.Clock.Advance(10 * time.Minute) // the nodes have drained
				l.Settle()
				l.WantTargets(b.Spec.TargetGroupARN)
				if got := l.Admitted(lab.NodeGroup); len(got) > 0 {
					t.Errorf("rules %v", got)
				}
				l.Must(l.Client.Delete(t.Context(), c.slice()))
				l.Clock.Advance(time.Minute)
				l.Settle()
				l.WantTargets(b.Spec.TargetGroupARN, onNode)
			})
		}
	}
}

// TestNodesForwardToAllowedAddresses has an administrator allow what a Service without selector has.
func TestNodesForwardToAllowedAddresses(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string][]string{"none": nil, "victim=*": nil, "shop=10.0.0.10/32": {onNode}, "*": {onNode}} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			l, b := forwardingLab(t, flag, lab.HandSlice("db", 5432, lab.At("10.0.0.10", "", "")))
			l.WantTargets(b.Spec.TargetGroupARN, want...)
		})
	}
}

// TestNodesGoWithTheFlagThatAllowsTheirEndpoints has a controller that is started again without the flag, as one that
// did not know the flag is replaced.
func TestNodesGoWithTheFlagThatAllowsTheirEndpoints(t *testing.T) {
	t.Parallel()
	for name, node := range map[string]*metav1.LabelSelector{"all nodes": nil,
		"nodes of labels": {MatchLabels: map[string]string{corev1.LabelTopologyZone: "us-west-2a"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := forwardingLab(t, "*", lab.HandSlice("db", 5432, lab.At("10.0.0.10", "", "")))
			edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) { s.NodeSelector = node })
			l.Settle()
			l.WantTargets(b.Spec.TargetGroupARN, onNode)
			l.Checkpointed = true
			l.Restart()
			l.Settle()
			l.Crash()
			l.Flags("--endpoints-without-pods=none")
			l.Settle()
			l.WantTargets(b.Spec.TargetGroupARN)
		})
	}
}

// TestMistakesKeepNoNodesThatForwardToOthers has a tenant make a mistake with which nodes stay registered, and give the
// Service of their node port an endpoint that is not his.
func TestMistakesKeepNoNodesThatForwardToOthers(t *testing.T) {
	t.Parallel()
	raw := func() client.Object { return lab.HandSlice("raw", 8080, lab.At("10.0.128.50", "", "")) }
	for name, mistake := range map[string]func(*lab.Lab, *v1beta1.TargetGroupBinding){
		"a selector of no node": func(l *lab.Lab, b *v1beta1.TargetGroupBinding) {
			edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) {
				s.NodeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"pool": "none"}}
			})
		},
		"an invalid selector": func(l *lab.Lab, b *v1beta1.TargetGroupBinding) {
			edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) {
				s.NodeSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "pool", Operator: "Like"}}}
			})
		},
		"a misspelt Service": func(l *lab.Lab, b *v1beta1.TargetGroupBinding) {
			edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) { s.ServiceRef.Name = "wbe" })
		},
		"a misspelt port": func(l *lab.Lab, b *v1beta1.TargetGroupBinding) {
			edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) { s.ServiceRef.Port.IntVal = 8 })
		},
		"another port of the Service": func(l *lab.Lab, _ *v1beta1.TargetGroupBinding) {
			svc := &corev1.Service{}
			l.Get(svc, "web")
			svc.Spec.Ports[0].Port = 81
			l.Must(l.Client.Update(l.Context(), svc))
		},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", restart"}[restart], func(t *testing.T) {
				t.Parallel()
				l, b := forwardingLab(t, "none", mine())
				mistake(l, b)
				l.Settle()
				l.WantTargets(b.Spec.TargetGroupARN, onNode)
				if restart {
					l.Restart()
					l.Settle()
					l.WantTargets(b.Spec.TargetGroupARN, onNode)
				}
				l.Create(raw())
				l.Settle()
				if got := l.Targets(b.Spec.TargetGroupARN); slices.Contains(got, onNode) {
					t.Errorf("%v stays:\n%s", got, strings.Join(l.Events, "\n"))
				}
			})
		}
	}
}
