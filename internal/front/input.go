package front

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile/shard"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// Input is what a front end loads for one stack.
type Input struct {
	// LoadBalancer is meaningful if Declared.
	LoadBalancer intent.LoadBalancer
	Declared     bool
	// Members declare the load balancer: they get the finalizer and, in their status, its name. Leaving are objects that
	// carry the finalizer and no longer declare it: they lose the finalizer once the stack has no resources of theirs.
	Members, Leaving []metav1.Object
	// Emptied are those of Leaving that are still members of their group: the load balancer is a shard of the group that
	// has no hosts any longer.
	Emptied []metav1.Object
	// Shards is how many load balancers the group may have; 0 = one. If it may have several, Placement is the shard of
	// each host, and Group are the members with their routes on all shards. LoadBalancer has only those of one shard.
	Shards    int
	Placement shard.Placement
	Group     []intent.Member
	// Findings are diagnostics in addition to those of LoadBalancer's members.
	Findings diag.List
	// Protected says where objects declare deletion protection of a load balancer that nothing declares, by its identity.
	// LiftProtection are the identities of load balancers that are no longer declared, for which objects switch it off.
	Protected      map[string]string
	LiftProtection []string
	// ClassOwnership are the ownerships that the classes of objects declare, by namespace/name of the object. ClassOfGroup
	// has the objects whose class parameters name their group, by the same key.
	ClassOwnership map[string]string
	ClassOfGroup   map[string]bool
	// OwnConfiguration: ClassOwnership is from the configuration of the Gateway itself, not from that of its class.
	OwnConfiguration bool
	// ClassApprovals are the digests of takeovers that class parameters approve.
	ClassApprovals []string
	// Authority is what the group's class parameters allow each namespace.
	Authority map[string]intent.Authority
	// SetAside are members that are quarantined because they declare what they may not, and nothing of which is deployed
	// (Governed).
	SetAside []metav1.Object
	// Forged are those of Leaving that carry the group's finalizer but were never members (Governed).
	Forged []metav1.Object
	// DryRun is set if objects are under dry run.
	DryRun *DryRun
	// Decisions are the decisions about a Gateway, its ListenerSets and routes, for their statuses; nil for other kinds of
	// owners, and for the front end of the family that a Gateway has left.
	Decisions *gateway.Decisions

	// Governed sets key, the stack; joined, the objects of the last compilation in the order in which they joined; and
	// remembered, the last valid values of their policies.
	key        stack.Key
	joined     []diag.Object
	remembered map[diag.Object]map[string]string
	// protection is the deletion protection that objects declare, for the load balancer and for its frontend. counts
	// selects these objects; nil = no object declares any.
	protection func(counts func(metav1.Object) bool) (balancer, frontend intent.Field[bool])
}

// DryRun is the desired load balancer with the objects under dry run.
type DryRun struct {
	LoadBalancer intent.LoadBalancer // meaningful unless Removed
	Removed      bool                // without the dry run, the load balancer would be deleted
	Objects      []metav1.Object     // those under dry run, sorted by namespace and name
	Deployed     bool                // something of a Gateway is deployed; Ingresses are deployed if they are members
}

// Input returns the input as it would be without the dry run.
func (d *DryRun) Input() Input {
	if d.Removed {
		return Input{Leaving: d.Objects}
	}
	return Input{LoadBalancer: d.LoadBalancer, Declared: true, Members: d.Objects}
}

// underDryRun is the note on an object whose plan includes what its dry run prevents.
func underDryRun(o diag.Object, key annotation.Key) diag.Diagnostic {
	return diag.New(o, key.Path(), diag.DryRun, "annotation dry-run is set, so the controller deploys nothing of "+
		"this object; lbc plan shows what the controller would deploy", "remove the annotation to deploy the object")
}

// removal returns why the load balancer is to be deleted. Without objects that leave there is no reason.
func (w Input) removal() stack.Removal {
	switch {
	case w.Declared || len(w.Leaving) == 0:
		return stack.NotRemoved
	case slices.ContainsFunc(w.departing(), func(o metav1.Object) bool { return o.GetDeletionTimestamp() == nil }):
		return stack.NotDeclared
	}
	return stack.ObjectsDeleted
}

// retention returns what stays of the load balancer when its objects are deleted. If one of them has the policy to
// retain it, all of it stays. It keeps its tags if one of them wants that, because removed tags are lost. An adopted
// load balancer stays unless an object declares its deletion, and its own tag consents.
func (w Input) retention(of stack.Owner) stack.Retention {
	kept := stack.RetainNothing
	deleted := w.removal() == stack.ObjectsDeleted
	for _, o := range w.deciding(w.departing()) {
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

// deletionPolicy returns the deletion policy of an object. An invalid or misspelt one without known last valid value
// retains the load balancer, because a deletion cannot be undone.
func (w Input) deletionPolicy(of stack.Owner, o metav1.Object) (policy string, ok bool) {
	k := owner.Of(of).DeletionPolicy
	_, written := o.GetAnnotations()[string(k)]
	if _, misspelt := annotation.MisspeltFor(k, o.GetAnnotations()); !written && !misspelt {
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
func (w Input) Nothing() bool { return !w.Declared && len(w.Leaving) == 0 }

// Options returns the options of the plan of a stack of an owner, based on the options of all plans.
func (w Input) Options(of stack.Owner, all diff.Options) diff.Options {
	all.LiftProtection = w.LiftProtection
	if _, n := naming.ShardOf(w.LoadBalancer.Key.ID); w.Declared {
		all.Arriving = w.Placement.Arriving(n)
	}
	objs, key := slices.Concat(w.Members, w.departing()), string(owner.Of(of).DeleteDuplicates)
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

// DeletionAllowed reports whether an object that may decide about the load balancer allows its deletion by an
// annotation: a member, or if nothing declares the load balancer, an object that leaves. by is this annotation.
func (w Input) DeletionAllowed(of stack.Owner) (allowed bool, by annotation.Key) {
	by = owner.Of(of).AllowDeletion
	objs := w.Members
	if !w.Declared {
		objs = w.departing()
	}
	return slices.ContainsFunc(w.deciding(objs), func(o metav1.Object) bool {
		value, _ := w.policy(o, by)
		return value != ""
	}), by
}

// Hostnames returns the names of load balancers that the status of objects shows, in lower case and sorted. If members
// still declare the load balancer, objects that leave it do not count.
func (w Input) Hostnames(of stack.Owner) []string {
	var out []string
	objs := w.Members
	if !w.Declared {
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

// protect sets Protected and LiftProtection by the objects in namespaces that decide about the load balancer.
func (w *Input) protect() {
	if w.protection == nil {
		return
	}
	deciders := w.deciders()
	w.LiftProtection = nil
	w.declareProtection(w.protection(func(o metav1.Object) bool { return deciders.Decides(o.GetNamespace()) }))
}

// declareProtection sets Protected and LiftProtection from the deletion protection that is declared for a load balancer
// and for its frontend. The protection of a load balancer whose objects leave extends to its frontend.
func (w *Input) declareProtection(balancer, frontend intent.Field[bool]) {
	if balancer.Value && !frontend.Value && !w.Declared {
		frontend = balancer
	}
	w.Protected = map[string]string{}
	for id, f := range map[string]intent.Field[bool]{stack.LoadBalancerIdentity: balancer,
		stack.FrontendIdentity: frontend} {
		switch {
		case f.Value && !w.Declared:
			w.Protected[id] = f.Source.Object().String() + ", " + f.Source.Path()
		case f.Set && !f.Value:
			w.LiftProtection = append(w.LiftProtection, id)
		}
	}
}
