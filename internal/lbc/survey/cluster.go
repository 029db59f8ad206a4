package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/podtargets"
	"github.com/k8s-lbc/lbc/internal/kube/definition"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// apiServer connects, and compares clocks.
func (r *reader) apiServer(ctx context.Context, _ state) (put, error) {
	if r.options.Cluster == nil {
		return nil, errors.New("no cluster is configured")
	}
	c := rest.CopyConfig(r.options.Cluster)
	c.QPS = -1 // this is one short burst
	scheme, err := readable.Scheme()
	if err != nil {
		return nil, err
	}
	h, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(c)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("version").String(), nil)
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	resp, err := h.Do(req)
	if err != nil {
		return nil, err
	}
	received := time.Now()
	var version apiversion.Info
	decodeErr := json.NewDecoder(resp.Body).Decode(&version)
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	ahead, known := aheadBy(resp.Header, sent, received)
	if resp.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("%s answers %s: the credentials of the kubeconfig are not valid", base, resp.Status)
	}
	if decodeErr != nil {
		return nil, fmt.Errorf("%s is no API server: it answers %s without a version", base, resp.Status)
	}
	k, err := client.New(c, client.Options{Scheme: scheme, HTTPClient: h})
	return func(s *state) {
		s.client, s.facts.Kubernetes = k, version.GitVersion
		if known {
			s.facts.Now = received.Add(ahead)
			s.facts.Clocks = []checks.Clock{{Of: "the API server", Ahead: ahead}}
		}
	}, err
}

func (r *reader) objects(ctx context.Context, s state) (put, error) {
	snapshot, unserved, err := served(ctx, s.client)
	if err != nil {
		return nil, err
	}
	flags := r.options.Flags
	if len(s.configs) == 1 && s.configs[0] != nil {
		flags = *s.configs[0]
	}
	v, declared := objects.New(snapshot), map[stack.Key]bool{}
	for _, k := range owner.Kinds {
		for _, o := range snapshot.List(objects.Kind(k.Kind), "") {
			for _, key := range offline.KeysOf(v, &flags, o) {
				declared[key] = true
			}
		}
	}
	drains, times := map[[2]string]int64{}, podtargets.NewTimes(podtargets.FromFlags(&flags))
	for _, b := range v.TargetGroupBindings("") {
		if b.Spec.TargetType != nil {
			drains[[2]string{b.Namespace, b.Name}] = times.Seconds(v, b)
		}
	}
	return func(s *state) {
		s.facts.Objects, s.facts.Unserved, s.facts.Declared, s.facts.Drains = snapshot, unserved, declared, drains
		s.facts.IngressClass = flags.IngressClass
	}, nil
}

// Objects reads every object that front ends may read. Kinds that the cluster does not serve have none.
func Objects(ctx context.Context, k client.Reader) (objects.Snapshot, error) {
	objs, _, err := served(ctx, k)
	return objs, err
}

// served reads the objects of the kinds that the cluster serves, and returns the other kinds, too.
func served(ctx context.Context, k client.Reader) (objs objects.Snapshot, unserved []objects.Kind, err error) {
	objs = objects.Snapshot{}
	for kind, of := range readable.Kinds {
		if of.List == nil {
			continue
		}
		l := readable.List(kind)
		if err := k.List(ctx, l); of.Optional && absent(err) || of.Ineffective && apierrors.IsForbidden(err) {
			unserved = append(unserved, kind)
			continue
		} else if err != nil {
			return nil, nil, fmt.Errorf("reading objects of kind %s: %w", kind, err)
		}
		if err := meta.EachListItem(l, func(o runtime.Object) error { objs.Put(o); return nil }); err != nil {
			return nil, nil, err
		}
	}
	return objs, unserved, nil
}

// absent reports whether the API server does not serve a kind.
func absent(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// groups are those of the definitions that are read.
var groups = []string{".elbv2.k8s.aws", ".gateway.k8s.aws", ".aga.k8s.aws", ".gateway.networking.k8s.io"}

// autoModeDefinition is there where EKS Auto Mode serves load balancers.
const autoModeDefinition = "ingressclassparams.eks.amazonaws.com"

func (r *reader) definitions(ctx context.Context, s state) (put, error) {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1",
		Kind: "CustomResourceDefinitionList"})
	if err := s.client.List(ctx, l); err != nil {
		return nil, err
	}
	all := map[string]checks.Definition{}
	autoMode := false
	for i := range l.Items {
		autoMode = autoMode || l.Items[i].GetName() == autoModeDefinition
		if slices.ContainsFunc(groups, func(g string) bool { return strings.HasSuffix(l.Items[i].GetName(), g) }) {
			name, d := definition.Of(l.Items[i].Object)
			all[name] = d
		}
	}
	return func(s *state) { s.facts.Definitions, s.facts.AutoMode = all, autoMode }, nil
}

func (r *reader) nodes(ctx context.Context, s state) (put, error) {
	l := &corev1.NodeList{}
	if err := s.client.List(ctx, l); err != nil {
		return nil, err
	}
	return func(s *state) { s.facts.Nodes = l.Items }, nil
}

// nodeLeases is the namespace of the Leases that kubelets renew.
const nodeLeases = "kube-node-lease"

func (r *reader) heartbeats(ctx context.Context, s state) (put, error) {
	l := &coordinationv1.LeaseList{}
	if err := s.client.List(ctx, l, client.InNamespace(nodeLeases)); err != nil {
		return nil, err
	}
	var all []checks.Heartbeat
	for i := range l.Items {
		if renewed := l.Items[i].Spec.RenewTime; renewed != nil {
			all = append(all, checks.Heartbeat{Node: l.Items[i].Name, Renewed: renewed.Time,
				Written: writtenAt(l.Items[i].ManagedFields)})
		}
	}
	return func(s *state) { s.facts.Heartbeats = all }, nil
}

// writtenAt is when the API server took the last renewal of a Lease: it notes the time of a change in addition to the
// fields of who made it.
func writtenAt(fields []metav1.ManagedFieldsEntry) (at time.Time) {
	for _, m := range fields {
		if m.Time != nil && m.FieldsV1 != nil && strings.Contains(m.FieldsV1.GetRawString(), `"f:renewTime"`) &&
			m.Time.After(at) {
			at = m.Time.Time
		}
	}
	return at
}

func (r *reader) workloads(ctx context.Context, s state) (put, error) {
	namespaces := map[string]bool{}
	for _, b := range objects.List[*v1beta1.TargetGroupBinding](objects.New(s.facts.Objects), objects.TargetGroupBinding,
		"") {
		namespaces[b.Namespace] = true
	}
	var endpoints []discoveryv1.EndpointSlice
	var pods []corev1.Pod
	for ns := range namespaces {
		e, p := &discoveryv1.EndpointSliceList{}, &corev1.PodList{}
		if err := s.client.List(ctx, e, client.InNamespace(ns)); err != nil {
			return nil, err
		}
		if err := s.client.List(ctx, p, client.InNamespace(ns)); err != nil {
			return nil, err
		}
		endpoints, pods = append(endpoints, e.Items...), append(pods, p.Items...)
	}
	return func(s *state) { s.facts.Slices, s.facts.Pods = endpoints, pods }, nil
}

// components are those of the controller's events.
func components() []string {
	out := []string{"targetGroupBinding", "globalAccelerator", "gateway"}
	for _, k := range owner.Kinds {
		out = append(out, k.Controller)
	}
	return out
}

func (r *reader) events(ctx context.Context, s state) (put, error) {
	var all []corev1.Event
	for _, c := range components() {
		l := &corev1.EventList{}
		if err := s.client.List(ctx, l, client.MatchingFields{"source": c}); err != nil {
			return nil, err
		}
		all = append(all, l.Items...)
	}
	return func(s *state) { s.facts.Events = all }, nil
}

// admission has the API server call the webhooks with a Service of type LoadBalancer, of which nothing is stored.
func (r *reader) admission(ctx context.Context, s state) (put, error) {
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "lbc-doctor-", Namespace: metav1.NamespaceDefault},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}},
			Selector: map[string]string{"app": "none"}},
	}
	err := s.client.Create(ctx, svc, client.DryRunAll)
	refused := ""
	if err != nil {
		if refused = err.Error(); !strings.Contains(refused, "webhook") {
			return nil, err
		}
	}
	denials, err := r.denials(ctx, s)
	if err != nil {
		return nil, err
	}
	return func(s *state) { s.facts.Refused, s.facts.Denials = refused, denials }, nil
}
