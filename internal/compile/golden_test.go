package compile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// scenario is the first document of a case; the others are Kubernetes objects. Those of testdata/<case>.before.yaml, if
// there is one, were compiled before, so that they are known as good.
type scenario struct {
	About   string
	Account string                         // testdata/<account>.account.yaml
	Limits  map[string]int                 // of the account; AWS's defaults, where it has none
	Config  json.RawMessage                // over compile.Defaults
	Denied  []facts.NeedKind               // look-ups that are denied now, and were not before
	Exists  map[string]*facts.LoadBalancer // by stack key
	Fronts  map[string]*facts.LoadBalancer // likewise, the network load balancers in front of them

	objects, before []any
	kept            bool // the memory of before was written and read
}

// outcome is what is compared: everything that a caller of compile sees.
type outcome struct {
	Stack       string
	Needs       []string
	Diagnostics []string
	Keep        stack.Keep `json:",omitzero"`
	Good        []string
	Desired     *stack.Stack
}

func TestCompileGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, in := range cases {
		name := strings.TrimSuffix(in, ".in.yaml")
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			s := load(t, in)
			got := render(t, s.run(t, s.objects))
			reversed := slices.Clone(s.objects)
			slices.Reverse(reversed)
			if again := render(t, s.run(t, reversed)); !bytes.Equal(got, again) {
				t.Error("the order of the objects matters")
			}
			goldenfile.Compare(t, name+".out.yaml", got)
		})
	}
}

func load(t *testing.T, file string) scenario {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s scenario
	head, docs, _ := strings.Cut(string(raw), "\n---\n")
	if err := yaml.UnmarshalStrict([]byte(head), &s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	s.objects = objectsOf(t, file, docs)
	earlier := strings.TrimSuffix(file, ".in.yaml") + ".before.yaml"
	if raw, err := os.ReadFile(earlier); err == nil {
		s.before = objectsOf(t, earlier, string(raw))
	}
	return s
}

func objectsOf(t *testing.T, file, docs string) []any {
	t.Helper()
	var out []any
	for _, doc := range strings.Split("\n"+docs, "\n---\n") {
		if strings.TrimSpace(doc) != "" {
			out = append(out, object(t, file, []byte(doc)))
		}
	}
	return out
}

// object decodes a document; a Service without UID gets the one that is made of its name.
func object(t *testing.T, file string, doc []byte) any {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &kind); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	kinds := map[string]metav1.Object{
		"Ingress": &networkingv1.Ingress{}, "IngressClass": &networkingv1.IngressClass{}, "Service": &corev1.Service{},
		"Namespace": &corev1.Namespace{}, "Secret": &corev1.Secret{}, "IngressClassParams": &v1beta1.IngressClassParams{},
	}
	o, ok := kinds[kind.Kind]
	if !ok {
		t.Fatalf("%s: unknown kind %q", file, kind.Kind)
	}
	if err := yaml.UnmarshalStrict(doc, o); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if svc, ok := o.(*corev1.Service); ok && svc.UID == "" {
		svc.SetUID(manifest.UID(svc.Namespace, svc.Name))
	}
	return o
}

func (s scenario) config(t *testing.T) (compile.Config, facts.Facts) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + s.Account + ".account.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var account struct {
		Cluster string
		Facts   facts.Facts
	}
	if err := yaml.UnmarshalStrict(raw, &account); err != nil {
		t.Fatal(err)
	}
	cfg := compile.Defaults(account.Cluster, account.Facts.VPC.ID)
	if s.Config != nil {
		if err := json.Unmarshal(s.Config, &cfg); err != nil {
			t.Fatal(err)
		}
	}
	return cfg, account.Facts
}

// run compiles every group and Service of the objects.
func (s scenario) run(t *testing.T, objs []any) []outcome {
	t.Helper()
	cfg, all := s.config(t)
	all.Limits = s.Limits
	memory := map[stack.Key]*compile.Memory{}
	if s.before != nil {
		s := s
		s.Denied = nil
		for _, e := range loadBalancersOf(s.before, cfg) {
			_, memory[e.Key] = s.compile(t, e, all, cfg, nil)
			if s.kept {
				memory[e.Key] = kept(t, memory[e.Key])
			}
		}
	}
	var out []outcome
	for _, e := range loadBalancersOf(objs, cfg) {
		o, _ := s.compile(t, e, all, cfg, memory[e.Key])
		out = append(out, o)
	}
	return out
}

// loadBalancersOf translates every group and Service of the objects, by stack key.
func loadBalancersOf(objs []any, cfg compile.Config) []intent.LoadBalancer {
	v := objects.FromObjects(objs)
	front := ingress.Config{TolerateMissingService: true, TolerateMissingAction: true,
		DefaultTargetType: cfg.DefaultTargetType}
	var loadBalancers []intent.LoadBalancer
	seen, declared := map[stack.ID]bool{}, map[stack.ID]bool{} // by Ingresses, by Services
	for _, o := range objs {
		switch o := o.(type) {
		case *networkingv1.Ingress:
			ids := naming.StacksOfFinalizers(stack.Ingress, o)
			if id, ok, _ := ingress.GroupOf(v, front, o); ok {
				ids = append(ids, id)
			}
			for _, id := range ids {
				if !seen[id] {
					seen[id] = true
					loadBalancers = append(loadBalancers, ingress.Translate(v, front, ingress.Load(v, front, id)))
				}
			}
		case *corev1.Service:
			sc := service.Config{DefaultTargetType: cfg.DefaultTargetType}
			ids := naming.StacksOfFinalizers(stack.Service, o)
			if id, ok, _ := service.StackOf(sc, o); ok {
				ids = append(ids, id)
			}
			for _, id := range ids {
				if !declared[id] {
					declared[id] = true
					loadBalancers = append(loadBalancers, service.Translate(v, sc, service.Load(v, sc, id)))
				}
			}
		}
	}
	slices.SortFunc(loadBalancers, func(a, b intent.LoadBalancer) int {
		return strings.Compare(a.Key.String(), b.Key.String())
	})
	return loadBalancers
}

// compile answers the needs of an entrance, and nothing else, until it has its result.
func (s scenario) compile(t *testing.T, e intent.LoadBalancer, all facts.Facts, cfg compile.Config,
	before *compile.Memory) (outcome, *compile.Memory) {
	t.Helper()
	o := outcome{Stack: e.Key.String()}
	var f facts.Facts
	for range 10 {
		r := compile.Compile(e, f, cfg, before)
		if len(r.Needs) > 0 {
			for _, n := range r.Needs {
				o.Needs = append(o.Needs, strings.TrimSpace(string(n.Kind)+" "+n.Key))
				if slices.Contains(s.Denied, n.Kind) {
					if f.Errors == nil {
						f.Errors = map[facts.Need]error{}
					}
					f.Errors[n] = diag.New(diag.Object{}, "", diag.AccessDenied, "not authorized", "allow the action")
					continue
				}
				reveal(&f, all, n, s.Exists[n.Key], s.Fronts[n.Key])
			}
			continue
		}
		o.Desired, o.Keep = r.Stack, r.Keep
		for _, d := range r.Diagnostics {
			o.Diagnostics = append(o.Diagnostics, fmt.Sprintf("%s %s: %s", d.Object, d.Class, d.Message()))
		}
		for _, k := range slices.SortedFunc(maps.Keys(r.Memory.Good), func(a, b diag.Object) int {
			return strings.Compare(a.String(), b.String())
		}) {
			o.Good = append(o.Good, k.String())
		}
		return o, r.Memory
	}
	t.Fatalf("%s: needs have no end: %v", e.Key, o.Needs)
	return o, nil
}

func reveal(f *facts.Facts, all facts.Facts, n facts.Need, existing, frontend *facts.LoadBalancer) {
	switch n.Kind {
	case facts.NeedSSLPolicy:
		f.SSLPolicies = map[string]bool{n.Key: true}
	case facts.NeedVPC:
		f.VPC = all.VPC
	case facts.NeedSubnets:
		f.Subnets = all.Subnets
	case facts.NeedRoutes:
		f.Routes = true
	case facts.NeedForeignSubnet:
		if f.ForeignSubnets == nil {
			f.ForeignSubnets = map[string]*facts.Subnet{}
		}
		f.ForeignSubnets[n.Key] = all.ForeignSubnets[n.Key]
	case facts.NeedSecurityGroups:
		f.SecurityGroups = map[string]facts.SecurityGroup{}
		maps.Copy(f.SecurityGroups, all.SecurityGroups)
	case facts.NeedForeignGroup:
		if f.ForeignGroups == nil {
			f.ForeignGroups = map[string]*facts.SecurityGroup{}
		}
		f.ForeignGroups[n.Key] = all.ForeignGroups[n.Key]
	case facts.NeedPrefixList:
		if f.PrefixLists == nil {
			f.PrefixLists = map[string]*stack.PrefixList{}
		}
		f.PrefixLists[n.Key] = all.PrefixLists[n.Key]
	case facts.NeedLimits:
		f.Limits = map[string]int{}
		maps.Copy(f.Limits, all.Limits)
	case facts.NeedWebACLs:
		f.WebACLs = map[string]string{}
		maps.Copy(f.WebACLs, all.WebACLs)
	case facts.NeedOwnTrustStores:
		f.OwnTrustStores, f.OwnTrustStoresKnown = all.OwnTrustStores, true
	case facts.NeedLoadBalancer:
		if f.LoadBalancers == nil {
			f.LoadBalancers = map[string]*facts.NamedLoadBalancer{}
		}
		f.LoadBalancers[n.Key] = all.LoadBalancers[n.Key]
	case facts.NeedTrustStore:
		if f.TrustStores == nil {
			f.TrustStores = map[string]string{}
		}
		f.TrustStores[n.Key] = all.TrustStores[n.Key]
	case facts.NeedCertificates:
		f.Certificates = map[string]facts.Certificate{}
		maps.Copy(f.Certificates, all.Certificates)
	case facts.NeedTargetGroupName:
		if f.TargetGroups == nil {
			f.TargetGroups = map[string]*facts.TargetGroup{}
		}
		f.TargetGroups[n.Key] = all.TargetGroups[n.Key]
	case facts.NeedTargetGroupOwner:
		if f.TargetGroupOwners == nil {
			f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{}
		}
		f.TargetGroupOwners[n.Key] = all.TargetGroupOwners[n.Key]
	case facts.NeedStack:
		f.ExistingKnown, f.Existing, f.ExistingFrontend = true, existing, frontend
	case facts.NeedStackDetails:
		f.Details = &facts.LoadBalancerDetails{}
	case facts.NeedStackWebACL:
		f.Associated = new(string)
	case facts.NeedOwnCertificates:
		f.OwnKnown = true
	case facts.NeedAddresses:
		f.Addresses = map[string]facts.Address{}
	case facts.NeedHostedZones:
		f.HostedZones = all.HostedZones
	}
}

// render writes YAML without what is empty.
func render(t *testing.T, out []outcome) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, o := range out {
		raw, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := json.Unmarshal(raw, &tree); err != nil {
			t.Fatal(err)
		}
		tree, _ = prune(tree)
		text, err := yaml.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "---\n%s", text)
	}
	return b.Bytes()
}

// prune drops empty values; ok is false if nothing is left.
func prune(v any) (out any, ok bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e, ok := prune(e); ok {
				v[k] = e
			} else {
				delete(v, k)
			}
		}
		return v, len(v) > 0
	case []any:
		for i := range v {
			v[i], _ = prune(v[i])
		}
		return v, len(v) > 0
	case nil:
		return nil, false
	case string:
		return v, v != ""
	case float64:
		return v, v != 0
	case bool:
		return v, v
	}
	return v, true
}

// TestAMemoryIsTheSameAfterItWasKept compiles with memories that were written and read, as after a restart.
func TestAMemoryIsTheSameAfterItWasKept(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, in := range cases {
		s := load(t, in)
		s.kept = true
		goldenfile.Compare(t, strings.TrimSuffix(in, ".in.yaml")+".out.yaml", render(t, s.run(t, s.objects)))
	}
}

// kept is a memory that was written and read.
func kept(t *testing.T, m *compile.Memory) *compile.Memory {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	read := &compile.Memory{}
	if err := json.Unmarshal(text, read); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, again) {
		t.Errorf("a memory changes when it is read:\n%s\n%s", text, again)
	}
	return read
}
