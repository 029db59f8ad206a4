package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Operation is one write, its references still symbolic where the plan knows an identity.
type Operation interface {
	// About is all that is known of the operation, but how it is sent, and what its resource looks like after it.
	About() About
}

// About describes an operation once, for whoever plans it, filters it, executes it, judges its failure or caches its
// result. The zero value is that of one that creates or changes something which is not observed, in any order with
// others.
type About struct {
	Effect
	// Refs are the references that the operation uses; the executor resolves them, the diff derives what is needed first.
	Refs []stack.Ref
	// Unsaid: the call does not say Refs. AWS refuses it for another resource in the same way.
	Unsaid bool
	// Action is the AWS action of an operation whose type has another name; "" = that of its type.
	Action string
	// Setting names the setting that a refusal by AWS is most likely about, as the origins of a stack name it; "" = none.
	Setting string
	// Values are the attributes or tags that the operation sets, and Drops the keys of tags that it removes. A refusal may
	// be about some of them.
	Values map[string]string
	Drops  []string
	// Only is the operation with some of the keys of Values or Drops; nil = it is not split.
	Only func(keys []string) Operation
	// Writes are the declared fields that the operation writes, by which drift policies decide.
	Writes Fields
	// Secrets are the Secrets, as namespace/name, whose content the operation brings to AWS.
	Secrets []string
	// Removes: that the resource does not exist is success.
	Removes bool
	// UsedBy says what the operation waits for if AWS refuses it because the resource is in use; "" = waiting does not
	// help.
	UsedBy string
	// Ordered: requests notice the order, so the operation does not overtake a step before it that is tried again soon.
	Ordered bool
	// Quota is the quota that the operation takes from or gives back to.
	Quota Quota
	// Active is the resource that must be active before the operation.
	Active Active
}

// Verb is what an operation does to a resource.
type Verb string

// The verbs.
const (
	Creates Verb = "creates"
	Changes Verb = "changes"
	Retags  Verb = "retags" // changes its tags only
	Deletes Verb = "deletes"
)

// AddOn names a part of stack.AddOns.
type AddOn string

// Effect is what caches of AWS need to know of an operation: which resource is another one after a success, and is
// uncertain if the answer is lost. The zero value is that of an operation that changes nothing that is observed.
type Effect struct {
	Kind     stack.Kind
	Verb     Verb
	Resource stack.Ref // zero for one that is created
	// Name is that of a load balancer, target group or security group that is created: it is found by it.
	Name string
	// Below is the load balancer of a listener, or the listener of a rule, that is created.
	Below stack.Ref
	// AddOn is the add-on of the load balancer that changes; empty = none does.
	AddOn AddOn
	// Forwards is set if the operation decides which target groups listeners and rules forward to, and at which
	// priorities.
	Forwards bool
	// Import is the key pair that a certificate has afterwards; nil = the operation imports none.
	Import *KeyPair
}

// KeyPair tells imported key pairs apart: by the hash of their content, and by the serial number of the certificate.
type KeyPair struct{ Hash, Serial string }

// Fields are declared fields of one resource. The zero value is none: no drift policy applies.
type Fields struct {
	Group drift.Group
	Of    stack.Ref // the resource; zero = the field is one for all resources
	Names []string
}

// Quota is a number that AWS limits for each resource of a kind.
type Quota struct {
	Of     stack.Ref // the resource, or one below it
	Counts string    // e.g. "rules"; empty = none
	Frees  bool      // the operation makes room
}

// Active is a resource that must be active; the zero value is none.
type Active struct {
	Ref  stack.Ref
	Role string // of the resource, in messages: "that takes over"
}

// Keys are the keys of attributes or tags that the operation sets or removes.
func (a About) Keys() []string {
	if a.Drops != nil {
		return a.Drops
	}
	return slices.Sorted(maps.Keys(a.Values))
}

// NameOf is the name of the AWS action of an operation, or "CreateBinding" and the like for Kubernetes.
func NameOf(op Operation) string { return cmp.Or(op.About().Action, reflect.TypeOf(op).Name()) }

// Fingerprint identifies an operation with the values that resolve gives its references: what AWS refuses once is not
// sent again as it is.
func Fingerprint(op Operation, resolve func(stack.Ref) string) string {
	text, err := json.Marshal(op)
	if err != nil {
		text = []byte(err.Error())
	}
	h := sha256.New()
	h.Write(append([]byte(NameOf(op)), text...))
	if about := op.About(); !about.Unsaid {
		for _, ref := range about.Refs {
			h.Write([]byte("\x00" + resolve(ref)))
		}
	}
	return string(h.Sum(nil))
}
