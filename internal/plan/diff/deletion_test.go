package diff

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// deletionCause is one way in which a load balancer may be deleted or replaced. deletions lists them all: there is no
// other one.
type deletionCause struct {
	Cause   string // what happens
	Decides string // who decides it, in the code
	Guards  string // what stands before the deletion
	// Removal is the reason that the stack carries; NotRemoved where the stack stays.
	Removal stack.Removal
}

// deletions is the table of docs/operations/deletions.md.
func deletions() []deletionCause {
	return []deletionCause{
		{"All objects of the load balancer are being deleted", "the objects' `deletionTimestamp`, read by `front`",
			"deletion protection; tags read again", stack.ObjectsDeleted},
		{"No object declares it any more, but at least one object that declared it still exists. For example, an edit " +
			"changed the object's class, type or group",
			"the front ends, from valid values only, by `front`", "deletion protection; tags read again; `--deletion-brake`",
			stack.NotDeclared},
		{"A shard of an Ingress group has no hosts any more", "`front`, as the shard is empty (`front/shards.go`)",
			"as in the row before", stack.NotDeclared},
		{"An object was deleted within 15 seconds after the controller added the finalizer, and no event reported the " +
			"deletion",
			"`front`, from what the controller remembers (`stacks/vanished.go`)", "as in the first row",
			stack.ObjectsDeleted},
		{"A valid edit of scheme or type replaces it", "`plan`, by the wanted type and scheme",
			"deletion protection; the new one is active, and no object shows the old one any more (exceptions below the " +
				"table); tags read again", stack.NotRemoved},
		{"A valid edit switches the frontend of an ALB off", "`compile`, as the stack has no frontend",
			"deletion protection of the frontend; tags read again", stack.NotRemoved},
		{"It is a duplicate: another load balancer with the same tags serves", "`plan`, by `compareBalancers`",
			"only with annotation `delete-duplicates`, and once the checkpoint names it; tags read again", stack.NotRemoved},
		{"`lbc cleanup` deletes it: no object claims it, by name, finalizer, group or status",
			"a user, and `orphan`, by all objects of the cluster",
			"the plan, which the user confirms; deletion protection; no healthy target of another cluster; no controller " +
				"that is alive; tags read again. `--ignore-objects`, `--ignore-targets`, `--ignore-controller` and `--yes` " +
				"lift one guard each", stack.Orphaned},
	}
}

// disappearance is something that may vanish or change under many objects at once, and what follows from that.
type disappearance struct {
	What    string
	Follows string
	Test    string // of internal/controller, that shows it
}

// disappearances is the second table of docs/operations/deletions.md: each is a case of a cause in deletions,
// or of none.
func disappearances() []disappearance {
	const (
		holds  = "the controller deletes nothing, and reports a [finding](../findings.md)"
		admits = "TestWhatNoLongerAdmitsAnIngressDeletesNoLoadBalancer"
	)
	return []disappearance{
		{"A namespace is deleted, with its objects", "its objects are deleted, and their load balancers with them; no " +
			"brake limits that", "TestDeletedNamespaceDeletesItsLoadBalancers"},
		{"The labels of a namespace vanish, or `namespaceSelector` changes", holds, admits},
		{"An IngressClass, or its IngressClassParams, is deleted", holds, admits},
		{"An IngressClass names another controller",
			"its objects no longer declare their load balancers; `--deletion-brake` limits the deletions",
			"TestManyDeletionsThatNoObjectAskedForWaitForConsent"},
		{"`--load-balancer-class` changes, or `EnableServiceController` is switched off",
			holds + ", until the Service is deleted. If the Service has another class than the flag, `allow-deletion` also " +
				"permits the deletion", "TestAFlagThatChangesTakesNoLoadBalancerOfAServiceAlong"},
		{"Objects vanish before the controller handles their deletion: somebody removed their finalizers, or removed the " +
			"objects from etcd",
			"nothing is deleted, except right after the object got its finalizer (first table); `lbc orphans` lists what " +
				"they left", "TestWhatVanishesWithoutAReasonDeletesNothing"},
		{"The CRD of IngressClassParams is removed", "nothing is deleted",
			"TestADefinitionThatIsRemovedDeletesNoLoadBalancer"},
		{"TargetGroupBindings of a stack are deleted by hand, or their CRD is removed",
			"targets and rules stay, and the controller creates the bindings again as soon as possible",
			"TestTargetsStayRegisteredWhileBindingsAreRecreated"},
		{"The first list of a cache lacks TargetGroupBindings",
			"security group rules stay: before the first revocation, a new leader lists the bindings from the API server, " +
				"too", "TestCacheWithoutSomeBindingsRevokesNoRule"},
		{"The CRD of TargetGroupBindings is removed, and with it bindings that users wrote",
			"targets stay registered; a binding that is applied again takes them over",
			"TestBindingThatGoesWithItsDefinitionKeepsTargets"},
		{"An edit of a Service removes the port of a binding, or gives it another number or name",
			"targets that are pods stay while the pods serve, and the controller reports a [finding](../findings.md). If the " +
				"Service has another port with the same `targetPort` (pods) or `nodePort` (nodes), the controller uses that " +
				"port for new pods and nodes until the controller restarts. If the Service has no such port, the controller " +
				"deregisters targets that are nodes", "TestServicePortOfAnIngressKeepsTargets"},
		{"EndpointSlices or node labels vanish, or selectors of Services change",
			"the controller deregisters targets that serve; `--deregistration-brake` limits this",
			"TestTargetsStayWhenEndpointSlicesVanishWhilePodsServe"},
	}
}

func TestTheTableOfDeletionsIsDocumentedAsItIs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/operations/deletions.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| What ") && !strings.HasPrefix(line, "| Cause |") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	var want []string
	for _, c := range deletions() {
		want = append(want, "| "+c.Cause+" | "+c.Decides+" | "+c.Guards+" |")
	}
	for _, d := range disappearances() {
		want = append(want, "| "+d.What+" | "+d.Follows+" |")
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the page has\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

func TestEachDisappearanceIsShownByATestOfTheController(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../controller/lab/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, d := range disappearances() {
		if !strings.Contains(all.String(), "func "+d.Test+"(t *testing.T)") {
			t.Errorf("%s: there is no test %s", d.What, d.Test)
		}
	}
}

// TestNothingIsDeletedWithoutAReason wants nothing of a stack that exists, in every way but one that gives a reason.
func TestNothingIsDeletedWithoutAReason(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	f.converge(t, testStack("/a"), Options{})
	for name, want := range map[string]*stack.Stack{
		"nil": nil, "empty": {Key: testKey()}, "made without a reason": stack.ForRemoval(testKey(), "demo", "vpc-1",
			stack.NotRemoved),
	} {
		if p := Stack(want, stack.Keep{}, f.obs, Options{}); !p.Empty() {
			t.Errorf("%s:\n%s", name, p.Text(plan.TextOptions{}))
		}
	}
	partial := testStack("/a")
	partial.LoadBalancers, partial.Listeners, partial.Rules = nil, nil, nil
	for _, s := range Stack(partial, stack.Keep{}, f.obs, Options{}).Steps {
		if _, ok := s.Op.(awsop.DeleteLoadBalancer); ok {
			t.Error("a stack that lacks its load balancer deletes it")
		}
	}
	for _, c := range deletions() {
		if c.Removal == stack.NotRemoved {
			continue
		}
		if p := Stack(stack.ForRemoval(testKey(), "demo", "vpc-1", c.Removal), stack.Keep{}, f.obs, Options{}); p.Summary().
			Delete == 0 {
			t.Errorf("%s: nothing is deleted", c.Cause)
		}
	}
}
