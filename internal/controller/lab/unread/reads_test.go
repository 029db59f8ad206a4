package unread

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// clusters are those whose reads fail.
var clusters = []*lab.Unread{
	{Name: "a group", Lab: sharedLab, Keys: sharedKeys, Edits: sharedEdits, Deletions: deletionOf("b")},
	{Name: "guards", Lab: guardsLab, Keys: guardKeys, Edits: guardEdits, Deletions: deletionOf("guarded")},
}

// deletionOf is the deletion of an Ingress.
func deletionOf(name string) map[string]client.Object {
	return map[string]client.Object{"deletion of " + name: lab.Ingress(name, nil)}
}

// otherReads are reads of the page that other tests have fail, or that the controller does not make.
var otherReads = map[string]string{
	"cognito-idp:DescribeUserPoolClient": "AWS makes it for CreateRule",
	"s3:GetObject":                       "AWS makes it for CreateTrustStore",
	"sts:AssumeRole":                     "TestFailedRoleTakesNoTargetAway, of package accounts",
	"sts:GetCallerIdentity":              "TestFailedRoleTakesNoTargetAway, of package accounts",
}

// TestFailedReadTakesNothingAway has each read of AWS that the clusters make fail in each way, during edits: what serves
// before and after the edits serves meanwhile, nothing else does, and the edits are in effect once the read works again.
// The short form takes a few of the lives, and of their reads. LBC_EVERY_FAULT tries all.
func TestFailedReadTakesNothingAway(t *testing.T) {
	t.Parallel()
	reads := readsOfThePage(t)
	if len(reads) < 30 {
		t.Fatalf("the page has %d reads", len(reads))
	}
	lab.TryUnread(t, clusters, reads, lab.UnreadSample{Lives: lab.OneOf(23), Tries: lab.OneOf(37)})
}

// readsOfThePage are the reads of docs/permissions.md without those of Global Accelerator, which
// TestFailedReadTakesNoEndpointAway of package accelerator has fail.
func readsOfThePage(t *testing.T) (out []string) {
	t.Helper()
	page, err := os.ReadFile("../../../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, actions, _ := strings.Cut(string(page), "\n## Actions\n")
	actions, _, _ = strings.Cut(actions, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+):([A-Za-z]+)` ").FindAllStringSubmatch(actions, -1) {
		permission := row[1] + ":" + row[2]
		if awsclient.IsRead(row[2]) && row[1] != "globalaccelerator" && otherReads[permission] == "" {
			out = append(out, permission)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
