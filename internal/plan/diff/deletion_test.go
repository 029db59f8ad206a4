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
		{"No object declares the load balancer any more, but at least one object that declared the load balancer still " +
			"exists. For example, an edit changed the object's class, type or group",
			"`front`, from valid values of the objects only", "deletion protection; tags read again; `--deletion-brake`",
			stack.NotDeclared},
		{"A shard of an Ingress group has no hosts any more", "`front`, as the shard is empty (`front/shards.go`)",
			"as in the second row", stack.NotDeclared},
		{"An object was deleted within 15 seconds after the controller added the finalizer, and no event reported the " +
			"deletion",
			"`front`, from a list in memory of the objects to which the controller added the finalizer " +
				"(`stacks/vanished.go`)",
			"as in the first row", stack.ObjectsDeleted},
		{"A valid edit of scheme or type replaces the load balancer", "`plan`, by the declared type and scheme",
			"deletion protection; the new load balancer is active, and no object shows the address of the old load " +
				"balancer any more (exceptions below the table); tags read again", stack.NotRemoved},
		{"A valid edit switches the frontend of an ALB off", "`compile`, as the stack has no frontend",
			"deletion protection of the frontend; tags read again", stack.NotRemoved},
		{"The load balancer is a duplicate: another load balancer with the same tags serves", "`plan`, by " +
			"`compareBalancers`",
			"annotation `delete-duplicates` names the duplicate; the controller has stored the duplicate in its " +
				"[checkpoints](restarts.md#checkpoints); tags read again", stack.NotRemoved},
		{"A user runs `lbc cleanup`, and no object claims the load balancer by name, finalizer, group or status",
			"the user, and `orphan`, from all objects of the cluster",
			"the plan, which the user confirms; deletion protection; no healthy target of another cluster; no running " +
				"controller; tags read again. `--ignore-objects`, `--ignore-targets`, `--ignore-controller` and `--yes` skip " +
				"one check each", stack.Orphaned},
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
		{"A namespace is deleted, with its objects", "the controller deletes the load balancers of these objects; no " +
			"brake limits these deletions", "TestDeletedNamespaceDeletesItsLoadBalancers"},
		{"The labels of a namespace disappear, or `namespaceSelector` changes", holds, admits},
		{"An IngressClass, or its IngressClassParams, is deleted", holds, admits},
		{"An IngressClass names another controller",
			"objects of this class no longer declare their load balancers; `--deletion-brake` limits the deletions",
			"TestManyDeletionsThatNoObjectAskedForWaitForConsent"},
		{"`--load-balancer-class` changes, or `EnableServiceController` is switched off",
			holds + ". Each load balancer stays until its Service is deleted. If the class of the Service differs from the " +
				"flag, `allow-deletion` also permits the deletion", "TestAFlagThatChangesTakesNoLoadBalancerOfAServiceAlong"},
		{"Somebody removes the finalizers of objects before the controller handles their deletion, or removes objects " +
			"from etcd",
			"the controller deletes nothing, unless it added the finalizer at most 15 seconds before (fourth row of the " +
				"[first table](#causes-of-a-deletion)). `lbc orphans` lists the AWS resources that remain",
			"TestWhatVanishesWithoutAReasonDeletesNothing"},
		{"The CRD of IngressClassParams is removed", "the controller deletes nothing",
			"TestADefinitionThatIsRemovedDeletesNoLoadBalancer"},
		{"TargetGroupBindings of a stack are deleted by hand, or their CRD is removed",
			"targets and security group rules stay, and the controller creates the TargetGroupBindings again as soon as " +
				"possible", "TestTargetsStayRegisteredWhileBindingsAreRecreated"},
		{"The first list of a cache lacks TargetGroupBindings",
			"security group rules stay: before the first revocation, a new leader lists the TargetGroupBindings from the " +
				"API server, in addition to the list in the cache", "TestCacheWithoutSomeBindingsRevokesNoRule"},
		{"The CRD of TargetGroupBindings is removed, so Kubernetes also deletes the TargetGroupBindings that users created",
			"targets stay registered; if a user applies a TargetGroupBinding again, the TargetGroupBinding manages these " +
				"targets again", "TestBindingThatGoesWithItsDefinitionKeepsTargets"},
		{"An edit of a Service removes the port of a TargetGroupBinding, or changes the number or name of this port",
			"targets that are pods stay while the pods serve, and the controller reports a [finding](../findings.md). If " +
				"the Service has another port with the same `targetPort` (pods) or `nodePort` (nodes), the controller uses " +
				"that port for new pods and nodes until the controller restarts. If the Service has no such port, the " +
				"controller deregisters targets that are nodes", "TestServicePortOfAnIngressKeepsTargets"},
		{"EndpointSlices or node labels disappear, or selectors of Services change",
			"the controller deregisters targets although they serve; `--deregistration-brake` limits these " +
				"deregistrations. Exception: if a new selector leaves the Service without endpoints, targets that are pods " +
				"stay registered while the pods serve", "TestTargetsStayWhenEndpointSlicesVanishWhilePodsServe"},
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
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| Disappearance or change |") &&
			!strings.HasPrefix(line, "| Cause |") {
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
