package awsop

import (
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// about is the description of an operation that its methods complete.
type about struct{ *plan.About }

// The fields of resources by which drift policies decide, by their names in plan.Fields. Each attribute and each tag
// is a field of its own.
const (
	FieldRules          = "rules"
	FieldListener       = "listener"
	FieldCertificates   = "certificates"
	FieldSecurityGroups = "security groups"
	FieldSubnets        = "subnets"
	FieldAddressType    = "address type"
	FieldHealthCheck    = "health check"
	FieldInbound        = "inbound rules"
	FieldAttribute      = "attribute"
	FieldTag            = "tag"
)

func effect(k stack.Kind, v plan.Verb, r stack.Ref) about {
	return about{&plan.About{Effect: plan.Effect{Kind: k, Verb: v, Resource: r}, Refs: []stack.Ref{r}}}
}

func creates(k stack.Kind, name string) about {
	return about{&plan.About{Effect: plan.Effect{Kind: k, Verb: plan.Creates, Name: name}}}
}
func changes(r stack.Ref) about { return effect(r.Kind, plan.Changes, r) }
func retags(r stack.Ref) about  { return effect(r.Kind, plan.Retags, r) }

// deletes describes a deletion. usedBy says what the operation waits for if AWS refuses it because the resource is in
// use.
func deletes(r stack.Ref, usedBy string) about {
	a := effect(r.Kind, plan.Deletes, r).removes()
	a.UsedBy = usedBy
	return a
}

// unseen describes an operation that changes nothing that is observed.
func unseen(refs ...stack.Ref) about { return about{&plan.About{Refs: refs}} }

// action sets the name of the AWS action, if the type of the operation has another name.
func (a about) action(name string) about {
	a.Action = name
	return a
}

// below sets the resource on which a listener or rule is created.
func (a about) below(r stack.Ref) about {
	a.Below, a.Refs = r, append(a.Refs, r)
	return a
}

// uses adds references.
func (a about) uses(refs ...stack.Ref) about {
	a.Refs = append(a.Refs, refs...)
	return a
}

// forwards adds what the actions of a listener or rule use: target groups, and the credentials of logins.
func (a about) forwards(as []stack.Action) about {
	a.Forwards, a.Refs, a.Secrets = true, append(TargetGroupsOf(as), a.Refs...), secretsOf(as)
	return a
}

// removes says that the operation succeeds if the resource does not exist.
func (a about) removes() about {
	a.Removes = true
	return a
}

// setting sets the setting that a refusal is about.
func (a about) setting(name string) about {
	a.Setting = name
	return a
}

// entries sets the attributes or tags that the operation sets.
func (a about) entries(setting string, all map[string]string, with func(some map[string]string) plan.Operation) about {
	a.Setting, a.Values = setting, all
	a.Only = func(keys []string) plan.Operation {
		some := make(map[string]string, len(keys))
		for _, k := range keys {
			some[k] = all[k]
		}
		return with(some)
	}
	return a
}

// drops sets the tags that the operation removes.
func (a about) drops(keys []string, only func(keys []string) plan.Operation) about {
	a.Drops, a.Only = keys, only
	return a
}

// ordered says that the operation does not overtake another ordered one.
func (a about) ordered() about {
	a.Ordered = true
	return a
}

func (a about) takes(of stack.Ref, counts string) about {
	a.Quota = plan.Quota{Of: of, Counts: counts}
	return a
}

func (a about) frees(of stack.Ref, counts string) about {
	a.Quota = plan.Quota{Of: of, Counts: counts, Frees: true}
	return a
}

// writes sets the declared fields of a resource that the operation writes.
func (a about) writes(g drift.Group, of stack.Ref, names ...string) about {
	a.Writes = plan.Fields{Group: g, Of: of, Names: names}
	return a
}

// after sets a load balancer that must be active first; nil = none.
func (a about) after(r *stack.Ref, role string) about {
	if r != nil {
		a.Active, a.Refs = plan.Active{Ref: *r, Role: role}, append(a.Refs, *r)
	}
	return a
}

// Apart returns an operation for each attribute or tag of an operation that sets several of them by one call, for each
// kind of source of one that opens ports, and for each setting of a listener that changes. AWS refuses such a call as a
// whole if it refuses one value, and the values may belong to several members of a group. nil = the operation sets only
// one, or something else; a listener with one change has one part, which lacks the other settings.
func Apart(op plan.Operation) (out []plan.Operation) {
	switch op := op.(type) {
	case AuthorizeSecurityGroupIngress:
		return op.apart()
	case ModifyListener:
		return op.apart()
	}
	a := op.About()
	if a.Only == nil || len(a.Values) < 2 {
		return nil
	}
	for _, k := range a.Keys() {
		out = append(out, a.Only([]string{k}))
	}
	return out
}
