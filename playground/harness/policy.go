package harness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/playground/environment"
)

// Policy is what the controller may do in AWS.
type Policy string

// Policies of the controller. Unrestricted is the zero value.
const (
	Unrestricted Policy = ""
	// Standard is the published policy.
	Standard Policy = "standard"
	// Minimal is what lbc iam-policy prints for the account's cluster and VPC, with all features but those for what
	// belongs to others. Accelerators have a policy of their own.
	Minimal Policy = "minimal"
	// Bindings is Minimal, and the feature for TargetGroupBindings to target groups of others.
	Bindings Policy = "minimal with target groups of others"
)

// ofOthers are the features for what has no tag of the cluster.
var ofOthers = []iampolicy.Feature{iampolicy.ExistingBalancers, iampolicy.ForeignSecurityGroups,
	iampolicy.ForeignTargetGroups, iampolicy.UntaggedListeners}

// ControllerKey is the access key that an environment gives its controller.
const ControllerKey = "AKIAPLAYGROUND000001"

// restrict adds a user with the policy and the controller's key to an account.
func (p Policy) restrict(f *seed.File) error {
	var d, beside iampolicy.Document
	var err error
	switch p {
	case Unrestricted:
		return nil
	case Standard:
		d, beside = iampolicy.Standard("aws"), iampolicy.Accelerators("aws")
	case Minimal, Bindings:
		var features []iampolicy.Feature
		for _, i := range iampolicy.Features {
			if i.Name != iampolicy.GlobalAccelerator && !slices.Contains(ofOthers, i.Name) {
				features = append(features, i.Name)
			}
		}
		d, err = iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{
			Cluster: f.Cluster.Name, VPC: f.VPC.ID, Bucket: environment.TrustStoreBucket, Prefix: "trust-stores",
			Features: features,
		})
		if err != nil {
			return err
		}
		apart := []iampolicy.Feature{iampolicy.GlobalAccelerator}
		if p == Bindings {
			apart = append(apart, iampolicy.ForeignTargetGroups)
		}
		beside, err = iampolicy.Minimal(iampolicy.Calls(), iampolicy.Options{Cluster: f.Cluster.Name, Features: apart,
			Apart: true})
	default:
		err = fmt.Errorf("no policy %q", p)
	}
	if err != nil {
		return err
	}
	user := seed.IAMUser{Name: "controller", Keys: []seed.AccessKey{{ID: ControllerKey, Secret: "playground"}}}
	for _, policy := range []struct {
		name     string
		document iampolicy.Document
	}{{"controller", d}, {"controller-beside", beside}} {
		text, err := json.Marshal(policy.document)
		if err != nil {
			return err
		}
		f.IAM.Policies = append(f.IAM.Policies, seed.Policy{Name: policy.name, Document: text})
		user.Policies = append(user.Policies, policy.name)
	}
	f.IAM.Users = append(f.IAM.Users, user)
	return nil
}

// Denied are the calls of the controller after a mark that its policy did not allow, without those about target groups
// that are deleted: conditions on their tags do not hold any more.
func (c *Cluster) Denied(after uint64) (out []gate.Call) {
	here := map[string]bool{}
	for _, tg := range c.Simulator.Resources().TargetGroups {
		here[tg.ARN] = true
	}
	for _, call := range c.Simulator.Gate.Calls(gate.Filter{After: after, Caller: ControllerKey, Failed: true}) {
		if call.Code == "AccessDenied" || call.Code == "UnauthorizedOperation" || call.Code == "AccessDeniedException" {
			if _, resource := awsclient.Denial(call.Message); !strings.Contains(resource, ":targetgroup/") || here[resource] {
				out = append(out, call)
			}
		}
	}
	return out
}
