// Package front joins the front ends to the compiler, for the controller and the command line: it loads the input of a stack and
// compiles it with the facts that it needs. Its only side effect is the reading of facts through FactSource.
// It may import the front ends below it, compile, plan/diff, config and what they need.
package front

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/drift"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/owner"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/replacement"
	"github.com/k8s-lbc/lbc/internal/shard"
	"github.com/k8s-lbc/lbc/internal/sorting"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Input is what a front end loads for one stack.
type Input struct {
	// LoadBalancer is meaningful if Wanted.
	LoadBalancer intent.LoadBalancer
	Wanted       bool
	// Members declare the load balancer: they get the finalizer and, in their status, its name. Leaving carry the finalizer, which is
	// removed once the stack has no resources of theirs.
	Members, Leaving []metav1.Object
	// Emptied are those of Leaving that are members of their group as before: the load balancer is a further one on which no host is any more.
	Emptied []metav1.Object
	// Shards is how many load balancers the group may have; 0 = one. Where it has several, the others are set: the places of all its hosts, and its members
	// with the routes on all load balancers, of which LoadBalancer has a part.
	Shards    int
	Placement shard.Placement
	Group     []intent.Member
	// Found are diagnostics that no member of the load balancer repeats.
	Found diag.List
	// Protected are the places where objects that leave declare deletion protection, by identity of the load balancer. Unprotect are the
	// identities for which they declare that there is none.
	Protected map[string]string
	Unprotect []string
	// ClassOwnership are the ownerships that the classes of objects declare, by namespace/name of the object. ClassOfGroup has the objects whose class parameters
	// name their group, likewise.
	ClassOwnership map[string]string
	ClassOfGroup   map[string]bool
	// ClassApprovals are the digests by which class parameters approve of takeovers.
	ClassApprovals []string
	// Authority is what class parameters of the group say of namespaces.
	Authority map[string]intent.Authority
	// SetAside are members that set what they may not, and of which nothing is deployed (Governed).
	SetAside []metav1.Object
	// DryRun is set if objects are under dry run.
	DryRun *DryRun
	// Decisions are about a Gateway and the objects around it, whose statuses are made of them; nil for other kinds of owners, and for the
	// front end of the family that a Gateway has left.
	Decisions *gateway.Decisions

	// key, joined and remembered are of Governed: the stack, the objects of the last compilation in the order in which they joined, and the last valid values
	// of their policies.
	key        stack.Key
	joined     []diag.Object
	remembered map[diag.Object]map[string]string
	// protection is the deletion protection that those objects declare, for the load balancer and its frontend, that count; nil = none does.
	protection func(counts func(metav1.Object) bool) (balancer, frontend intent.Field[bool])
}

// DryRun is the desired load balancer with the objects under dry run.
type DryRun struct {
	LoadBalancer intent.LoadBalancer // meaningful unless Removed
	Removed      bool                // without the dry run there is none
	Objects      []metav1.Object     // those under dry run, sorted by namespace and name
	Deployed     bool                // something of a Gateway is deployed; Ingresses are deployed if they are members
}

// Input is what would be loaded without the dry run.
func (d *DryRun) Input() Input {
	if d.Removed {
		return Input{Leaving: d.Objects}
	}
	return Input{LoadBalancer: d.LoadBalancer, Wanted: true, Members: d.Objects}
}

// underDryRun is the note on an object whose plan includes what its dry run prevents.
func underDryRun(o diag.Object, key annotation.Key) diag.Diagnostic {
	return diag.New(o, key.Path(), diag.DryRun, "annotation dry-run prevents the deployment; the plan is the one without the annotation", "remove the annotation to deploy it")
}

// removal is why no load balancer is desired. Without objects that leave there is no reason.
func (w Input) removal() stack.Removal {
	switch {
	case w.Wanted || len(w.Leaving) == 0:
		return stack.NotRemoved
	case slices.ContainsFunc(w.Leaving, func(o metav1.Object) bool { return o.GetDeletionTimestamp() == nil }):
		return stack.NotDeclared
	}
	return stack.ObjectsDeleted
}

// retention is what stays of the load balancer when its objects are deleted: all of it if one of them does not say that it is to be deleted. It keeps its
// tags unless all that say so let go of them, since tags that are gone cannot be had back. One that is taken over stays unless its deletion is declared, and
// its own tag consents to that.
func (w Input) retention(of stack.Owner) stack.Retention {
	kept := stack.RetainNothing
	deleted := w.removal() == stack.ObjectsDeleted
	for _, o := range w.deciding(w.Leaving) {
		policy, ok := w.deletionPolicy(of, o)
		switch adopted := w.ownership(of, o) == annotation.AdoptedIt; {
		case adopted && (!ok || !deleted):
			kept = stack.RetainTagged
		case adopted && policy == annotation.DeleteIt:
			if kept == stack.RetainNothing {
				kept = stack.RetainUnlessDeletable
			}
		case !ok, !deleted, policy == annotation.DeleteIt:
		case policy == annotation.RetainWithoutTags:
			if kept != stack.RetainTagged {
				kept = stack.RetainWithoutTags
			}
		default:
			kept = stack.RetainTagged
		}
	}
	return kept
}

// deletionPolicy is that of an object. An invalid one whose last valid value is not known retains the load balancer, as a deletion cannot be undone.
func (w Input) deletionPolicy(of stack.Owner, o metav1.Object) (policy string, ok bool) {
	k := owner.Of(of).DeletionPolicy
	if _, ok := o.GetAnnotations()[string(k)]; !ok {
		return "", false
	}
	value, known := w.policy(o, k)
	switch {
	case !known:
		return annotation.RetainIt, true
	case value == "":
		return annotation.DeleteIt, true
	}
	return value, true
}

// Nothing reports whether neither a load balancer nor a cleanup is desired.
func (w Input) Nothing() bool { return !w.Wanted && len(w.Leaving) == 0 }

// Options are the options of the plan of a stack of an owner, based on the options of all plans.
func (w Input) Options(of stack.Owner, all diff.Options) diff.Options {
	all.Unprotect = w.Unprotect
	if _, n := naming.ShardOf(w.LoadBalancer.Key.ID); w.Wanted {
		all.Arriving = w.Placement.Arriving(n)
	}
	objs, key := slices.Concat(w.Members, w.Leaving), string(owner.Of(of).DeleteDuplicates)
	all.Namespaces, all.DeleteDuplicates, all.DuplicatesAnnotation = nil, nil, key
	for _, o := range objs {
		if ns := o.GetNamespace(); !slices.Contains(all.Namespaces, ns) {
			all.Namespaces = append(all.Namespaces, ns)
		}
	}
	for _, o := range w.deciding(objs) {
		for id := range strings.SplitSeq(o.GetAnnotations()[key], ",") {
			if id = strings.TrimSpace(id); id != "" {
				all.DeleteDuplicates = append(all.DeleteDuplicates, id)
			}
		}
	}
	return all
}

// DeletionAllowed reports whether an annotation of an object that leaves and decides allows the deletion of the load balancer of an owner, and
// which annotation that is.
func (w Input) DeletionAllowed(of stack.Owner) (allowed bool, by annotation.Key) {
	by = owner.Of(of).AllowDeletion
	return slices.ContainsFunc(w.deciding(w.Leaving), func(o metav1.Object) bool {
		value, _ := w.policy(o, by)
		return value != ""
	}), by
}

// Hostnames are the names of load balancers of an owner in the status of the objects, in lower case and sorted. Objects that leave a load
// balancer which other members still declare do not count.
func (w Input) Hostnames(of stack.Owner) []string {
	var out []string
	objs := w.Members
	if !w.Wanted {
		objs = slices.Concat(w.Members, w.Leaving)
	}
	for _, o := range objs {
		for _, name := range owner.Of(of).Hostnames(o) {
			out = append(out, strings.ToLower(name))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// OptionsFromFlags are the options of all plans.
func OptionsFromFlags(c *config.Config) diff.Options {
	return diff.Options{ExternalTags: c.ExternalManagedTags, RulesPerSecurityGroup: c.RulesPerSecurityGroup, Region: diff.Region{
		Unweighted: !c.Gates.Enabled(config.WeightedTargetGroups), FixedHealthChecks: !c.Gates.Enabled(config.NLBHealthCheckAdvancedConfig),
	}}
}

// DriftPolicyFromFlags are the drift policies where objects and classes declare none. The flags are valid.
func DriftPolicyFromFlags(c *config.Config) drift.Policies {
	p, _ := drift.Parse(c.DriftPolicy)
	return p
}

// DriftPolicies are those that members and classes declare, and by for the other groups of fields.
func DriftPolicies(c compile.Result, by drift.Policies) drift.Policies {
	declared := drift.Policies{}
	for g, p := range c.DriftPolicy {
		declared[drift.Group(g)] = drift.Policy(p)
	}
	return declared.Over(by)
}

// ReplacementPolicyFromFlags is the replacement policy where objects and classes declare none. The flags are valid.
func ReplacementPolicyFromFlags(c *config.Config) replacement.Policy {
	p, _ := replacement.Parse(c.ReplacementPolicy)
	return p
}

// Replacement is the policy that members or their class declare, else by, for a plan that is made now.
func Replacement(c compile.Result, by replacement.Policy, now time.Time) diff.Replacement {
	if f := c.ReplacementPolicy; f.Set {
		p, _ := replacement.Parse(f.Value) // which the front end has printed
		return diff.Replacement{Policy: p, By: f.Source.Object().String() + ", " + f.Source.Path(), Now: now}
	}
	return diff.Replacement{Policy: by, By: "flag --replacement-policy", Now: now}
}

// Loader is the front end of one kind of owner of stacks.
type Loader interface {
	Owner() stack.Owner
	// Declared is the stack that an object of the owner's Kubernetes kind declares now. ok is false if it declares none: the object is not
	// managed by this front end or, then with a diagnostic, its class or group is invalid, or looks like a mistake.
	Declared(v *objects.View, o metav1.Object) (id stack.ID, ok bool, d *diag.Diagnostic)
	Load(v *objects.View, id stack.ID) Input
}

// Loaders are the front ends of all kinds of owners that are served, as flags configure them. With includeDryRun objects under dry run count as if they were not.
func Loaders(c *config.Config, includeDryRun bool) map[stack.Owner]Loader {
	ing := IngressFromFlags(c)
	ing.Config.IncludeDryRun = includeDryRun
	out := map[stack.Owner]Loader{stack.Ingress: ing, stack.Service: ServiceFromFlags(c)}
	if c.Gates.Enabled(config.ALBGatewayAPI) {
		out[stack.GatewayALB] = gatewayLoader(c, attachment.Application, includeDryRun)
	}
	if c.Gates.Enabled(config.NLBGatewayAPI) {
		out[stack.GatewayNLB] = gatewayLoader(c, attachment.Network, includeDryRun)
	}
	return out
}

func gatewayLoader(c *config.Config, family attachment.Family, includeDryRun bool) Gateway {
	f := GatewayFromFlags(c, family)
	f.Config.IncludeDryRun = includeDryRun
	return f
}

// StacksOf are the stacks of a front end that depend on an object, each once and sorted: those whose finalizers it carries, and the one that
// it declares. The diagnostic is that of Loader.Declared.
func StacksOf(f Loader, v *objects.View, o metav1.Object) (keys []stack.Key, d *diag.Diagnostic) {
	kind := owner.Of(f.Owner())
	if !kind.Is(o) {
		return nil, nil
	}
	ids := naming.StacksOfFinalizers(kind.Owner, o)
	id, ok, d := f.Declared(v, o)
	if ok {
		ids = append(ids, id)
	}
	if ok && kind.Owner == stack.Ingress {
		for n := 1; n < ingress.Shards(v, id); n++ {
			ids = append(ids, naming.ShardID(id, n))
		}
	}
	for _, id := range ids {
		keys = append(keys, stack.Key{Owner: kind.Owner, ID: id})
	}
	sorting.By(keys, stack.Key.Compare)
	return slices.Compact(keys), d
}

// Ingress is the front end of Ingress groups.
type Ingress struct {
	Config     ingress.Config
	References References
}

// IngressFromFlags is the front end of Ingress groups as flags configure it.
func IngressFromFlags(c *config.Config) Ingress {
	return Ingress{References: ReferencesFromFlags(c), Config: ingress.Config{
		IngressClass: c.IngressClass, TolerateMissingService: c.TolerateMissingService, TolerateMissingAction: c.TolerateMissingAction,
		DefaultTargetType: c.DefaultTargetType, IPTargetTypeDisabled: !c.Gates.Enabled(config.EnableIPTargetType),
		RequiredSecretsLabel: c.RequiredSecretsLabel,
		RequestCertificates:  c.Gates.Enabled(config.EnableCertificateManagement), DefaultAuthority: c.DefaultPCA,
		CapacityOff:   !c.Gates.Enabled(config.LBCapacityReservation),
		ImportSecrets: c.ImportTLSSecrets, Now: time.Now,
	}}
}

// Owner implements Loader.
func (Ingress) Owner() stack.Owner { return stack.Ingress }

// Declared implements Loader.
func (f Ingress) Declared(v *objects.View, o metav1.Object) (stack.ID, bool, *diag.Diagnostic) {
	ing, ok := o.(*networkingv1.Ingress)
	if !ok {
		return stack.ID{}, false, nil
	}
	return ingress.GroupOf(v, f.Config, ing)
}

// Load implements Loader.
func (f Ingress) Load(v *objects.View, id stack.ID) Input {
	g := ingress.Load(v, f.Config, id)
	w := Input{
		Wanted: len(g.Active)+len(g.Former) > 0, ClassOwnership: ingress.ClassOwnership(v, g), ClassOfGroup: ingress.ClassOfGroup(g), ClassApprovals: ingress.ClassApprovals(g),
		Authority: ingress.Authorities(v, g),
	}
	if group, n := naming.ShardOf(id); len(g.Active) > 0 || n > 0 {
		w.Shards = ingress.Shards(v, group)
	}
	if len(g.DryRun) > 0 {
		w.DryRun = f.dryRun(v, id, g.DryRun)
	}
	for _, i := range slices.Concat(g.Active, g.Former) {
		w.Members = append(w.Members, i)
		if f.Config.IncludeDryRun && ingress.DryRun(i) {
			w.Found = append(w.Found, underDryRun(ingress.Object(i), annotation.DryRun))
		}
	}
	for _, i := range g.Inactive {
		w.Leaving = append(w.Leaving, i)
	}
	if w.Wanted {
		w.LoadBalancer = ingress.Translate(v, f.Config, g)
		f.References.load(v, &w.LoadBalancer)
		return w
	}
	w.Found = g.Diagnostics
	w.protection = func(counts func(metav1.Object) bool) (balancer, frontend intent.Field[bool]) {
		some := g
		some.Inactive = slices.DeleteFunc(slices.Clone(g.Inactive), func(i *networkingv1.Ingress) bool { return !counts(i) })
		return ingress.DeletionProtection(v, some), ingress.FrontendProtection(some)
	}
	w.key = stack.Key{Owner: stack.Ingress, ID: id}
	w.protect()
	return w
}

func (f Ingress) dryRun(v *objects.View, id stack.ID, under []*networkingv1.Ingress) *DryRun {
	cfg := f.Config
	cfg.IncludeDryRun = true
	r := &DryRun{LoadBalancer: ingress.Translate(v, cfg, ingress.Load(v, cfg, id))}
	f.References.load(v, &r.LoadBalancer)
	for _, i := range under {
		r.Objects = append(r.Objects, i)
	}
	return r
}

// Service is the front end of Services.
type Service struct {
	Config     service.Config
	References References
}

// ServiceFromFlags is the front end of Services as flags configure it.
func ServiceFromFlags(c *config.Config) Service {
	return Service{References: ReferencesFromFlags(c), Config: service.Config{
		LoadBalancerClass: c.LoadBalancerClass, Off: !c.Gates.Enabled(config.EnableServiceController), DefaultTargetType: c.DefaultTargetType,
		IPTargetTypeDisabled: !c.Gates.Enabled(config.EnableIPTargetType), LoadBalancerTypeOnly: c.Gates.Enabled(config.ServiceTypeLoadBalancerOnly),
		TCPUDPListener: c.Gates.Enabled(config.EnableTCPUDPListener), BasicHealthCheck: !c.Gates.Enabled(config.NLBHealthCheckAdvancedConfig),
		CapacityOff: !c.Gates.Enabled(config.LBCapacityReservation),
	}}
}

// Owner implements Loader.
func (Service) Owner() stack.Owner { return stack.Service }

// Declared implements Loader.
func (f Service) Declared(_ *objects.View, o metav1.Object) (id stack.ID, ok bool, d *diag.Diagnostic) {
	svc, ok := o.(*corev1.Service)
	if !ok {
		return stack.ID{}, false, nil
	}
	return service.StackOf(f.Config, svc)
}

// Load implements Loader.
func (f Service) Load(v *objects.View, id stack.ID) Input {
	g := service.Load(v, f.Config, id)
	w := Input{Wanted: len(g.Members) > 0}
	for _, svc := range g.Members {
		w.Members = append(w.Members, svc)
	}
	for _, svc := range g.Leaving {
		w.Leaving = append(w.Leaving, svc)
	}
	switch {
	case w.Wanted:
		w.LoadBalancer = service.Translate(v, f.Config, g)
		f.References.load(v, &w.LoadBalancer)
	case len(g.Leaving) > 0:
		w.protection = func(counts func(metav1.Object) bool) (balancer, frontend intent.Field[bool]) {
			some := g
			some.Leaving = slices.DeleteFunc(slices.Clone(g.Leaving), func(svc *corev1.Service) bool { return !counts(svc) })
			return service.DeletionProtection(f.Config, some), frontend
		}
		w.key = stack.Key{Owner: stack.Service, ID: id}
		w.protect()
	}
	return w
}

// protect declares the deletion protection of those of the objects that decide.
func (w *Input) protect() {
	if w.protection == nil {
		return
	}
	deciders := w.deciders()
	w.Unprotect = nil
	w.declareProtection(w.protection(func(o metav1.Object) bool { return deciders.Decides(o.GetNamespace()) }))
}

// declareProtection sets Protected and Unprotect by the declarations for a load balancer and for the network load balancer in front of it.
// The protection of a load balancer extends to its frontend.
func (w *Input) declareProtection(balancer, frontend intent.Field[bool]) {
	if balancer.Value && !frontend.Value {
		frontend = balancer
	}
	w.Protected = map[string]string{}
	for id, f := range map[string]intent.Field[bool]{stack.LoadBalancerIdentity: balancer, stack.FrontendIdentity: frontend} {
		switch {
		case f.Value:
			w.Protected[id] = f.Source.Object().String() + ", " + f.Source.Path()
		case f.Set:
			w.Unprotect = append(w.Unprotect, id)
		}
	}
}

// CompileFromFlags is the configuration of the compiler by flags.
func CompileFromFlags(c *config.Config) compile.Config {
	on := c.Gates.Enabled
	return compile.Config{
		Cluster: c.ClusterName, VPC: c.VPC, DefaultTags: c.DefaultTags, ExternalManagedTags: c.ExternalManagedTags,
		DefaultScheme: c.DefaultScheme, DefaultTargetType: c.DefaultTargetType, DefaultSSLPolicy: c.DefaultSSLPolicy,
		EnableBackendSecurityGroup: c.EnableBackendSG, BackendSecurityGroup: c.BackendSecurityGroup,
		ManageBackendSecurityGroupRules: c.EnableManageBackendSG, DisableRestrictedSecurityGroups: c.DisableRestrictedRules,
		RulesPerSecurityGroup: c.RulesPerSecurityGroup, LoadBalancersOfOthers: c.LoadBalancersOfOthers(),
		ExternalTargetGroups: c.AllowedTargetGroups(c.ExternalTargetGroups), CrossNamespaceTargetGroups: c.AllowedTargetGroups(c.CrossNamespaceTargetGroups),
		StrictGroups: c.StrictGroups, AllowedAuthorities: c.AllowedCAs,
		EnableWAFv2: c.EnableWAFv2, EnableShield: c.EnableShield,
		TrustStores:     compile.TrustStores{Bucket: c.TrustStores.Bucket, Prefix: c.TrustStores.Prefix},
		OwnCertificates: on(config.EnableCertificateManagement) || c.ImportsCertificates(),
		Gates: compile.Gates{
			SubnetsClusterTagCheck: on(config.SubnetsClusterTagCheck), SubnetDiscoveryByReachability: on(config.SubnetDiscoveryByReachable),
			ALBSingleSubnet: on(config.ALBSingleSubnet), EnableDefaultTagsLowPriority: on(config.EnableDefaultTagsLowPriority),
			EnableIPTargetType: on(config.EnableIPTargetType), ListenerRulesTagging: on(config.ListenerRulesTagging),
			WeightedTargetGroups: on(config.WeightedTargetGroups), NLBSecurityGroup: on(config.NLBSecurityGroup),
			LBCapacityReservation: on(config.LBCapacityReservation), EnhancedDefaultBehavior: on(config.EnhancedDefaultBehavior),
		},
	}
}

// FactSource answers needs for facts, as the inventory does.
type FactSource interface {
	Answer(ctx context.Context, needs []facts.Need) (facts.Facts, error)
}

// Compile compiles an Input until there are no new needs. A stack that is to be removed needs no facts, since its plan is made from what
// exists, but for the one whether a load balancer that its objects share is the stack's own: it stays. needs are all the needs that were answered, for callers that refresh them.
func Compile(ctx context.Context, a FactSource, key stack.Key, w Input, cfg compile.Config, before *compile.Memory) (c compile.Result, needs []facts.Need, err error) {
	if !w.Wanted {
		removed := stack.Removed(key, cfg.Cluster, cfg.VPC, w.removal())
		removed.Retention, removed.Beside = w.retention(key.Owner), w.beside(key.Owner, before)
		if names := w.shares(key.Owner); len(names) > 0 && removed.Retention == stack.RetainNothing {
			need := facts.Need{Kind: facts.NeedStack, Key: key.String()}
			f, err := a.Answer(ctx, []facts.Need{need})
			if err == nil {
				err = f.Errors[need]
			}
			if err != nil {
				return compile.Result{}, nil, err
			}
			if lb := f.Existing; lb != nil && (slices.Contains(names, lb.ARN) || slices.Contains(names, lb.Name)) { // it was taken over before
				removed.Retention = stack.RetainTagged
			}
		}
		return compile.Result{Stack: removed}, nil, nil
	}
	for {
		f, err := a.Answer(ctx, needs)
		if err != nil {
			return compile.Result{}, needs, err
		}
		c = compile.Compile(w.LoadBalancer, f, cfg, before)
		known := len(needs)
		for _, n := range c.Needs {
			if !slices.Contains(needs, n) {
				needs = append(needs, n)
			}
		}
		if len(needs) == known {
			return c, needs, nil
		}
	}
}
