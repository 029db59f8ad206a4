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

// Operation is one write. References to resources of the plan are symbolic until the executor resolves them.
type Operation interface {
	// About describes the operation, except for how it is sent and what its resource looks like after it.
	About() *About
}

// About describes an operation in one place, for planning, policies, execution, the judgement of failures and caches.
// The zero value describes an operation on a resource that is not observed, in any order with others.
type About struct {
	Effect
	// Refs are the references that the operation uses. The executor resolves them; the diff derives from them which
	// steps the operation needs.
	Refs []stack.Ref
	// Unsaid: the call does not contain Refs. For another resource, AWS refuses it in the same way.
	Unsaid bool
	// Action is the name of the AWS action, if the type of the operation has another name.
	Action string
	// Setting names the setting that AWS most likely refuses, by its name in the origins of a stack; "" = none.
	Setting string
	// Values are the attributes or tags that the operation sets, and Drops the keys of tags that it removes. A refusal
	// may be about some of them.
	Values map[string]string
	Drops  []string
	// Only returns the operation with some of the keys of Values or Drops; nil = the operation is never split.
	Only func(keys []string) Operation
	// Writes are the declared fields that the operation writes, by which drift policies decide.
	Writes Fields
	// Secrets are the Secrets, as namespace/name, whose content the operation sends to AWS.
	Secrets []string
	// Removes: the operation succeeds if the resource does not exist.
	Removes bool
	// UsedBy says what the operation waits for if AWS refuses it because the resource is in use; "" = waiting does not
	// help.
	UsedBy string
	// Ordered: the order matters to requests, so the operation does not overtake an earlier step that is repeated soon.
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

// Effect shows caches of AWS which resource an operation changes, and which is uncertain if the answer is lost. The
// zero value means that the operation changes nothing that is observed.
type Effect struct {
	Kind     stack.Kind
	Verb     Verb
	Resource stack.Ref // zero if the operation creates the resource
	// Name is the name of a load balancer, target group or security group that the operation creates.
	Name string
	// Below is the load balancer of a created listener, or the listener of a created rule.
	Below stack.Ref
	// AddOn is the add-on of a load balancer that the operation changes; empty = none.
	AddOn AddOn
	// Forwards is set if the operation decides which target groups listeners and rules forward to, and at which
	// priorities.
	Forwards bool
	// Import is the key pair that the operation imports into a certificate; nil = none.
	Import *KeyPair
}

// KeyPair distinguishes imported key pairs by the hash of their content, and by the serial number of the certificate.
type KeyPair struct{ Hash, Serial string }

// Fields are declared fields of one resource. The zero value has none: no drift policy applies.
type Fields struct {
	Group drift.Group
	Of    stack.Ref // the resource; zero = the field is one for all resources
	Names []string
}

// Quota is a quota of AWS for each resource of a kind.
type Quota struct {
	Of     stack.Ref // the resource, or one below it
	Counts string    // e.g. "rules"; empty = none
	Frees  bool      // the operation makes room
}

// Active is a resource that must be active; the zero value means none.
type Active struct {
	Ref  stack.Ref
	Role string // of the resource, in messages: "that takes over"
}

// Keys returns the keys of attributes or tags that the operation sets or removes.
func (a *About) Keys() []string {
	if a.Drops != nil {
		return a.Drops
	}
	return slices.Sorted(maps.Keys(a.Values))
}

// NameOf returns the name of the AWS action of an operation; for Kubernetes, names such as "CreateBinding".
func NameOf(op Operation) string { return cmp.Or(op.About().Action, reflect.TypeOf(op).Name()) }

// Fingerprint identifies an operation with the values of its references, so that the controller does not repeat a write
// that AWS has refused. It is a SHA-256 hash of 32 bytes, not text. resolve returns the ARN or id of a reference; "" if
// it is not known.
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
