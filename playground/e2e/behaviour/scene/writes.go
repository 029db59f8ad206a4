package scene

import (
	"encoding/json"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// Marks are texts by which to recognise a namespace's resources in the parameters of AWS calls: its name, as in tags and
// descriptions, and how names of load balancers and target groups begin.
func Marks(namespace string) []string {
	short := strings.ReplaceAll(namespace, "-", "")
	return []string{namespace + "/", "k8s-" + short[:min(8, len(short))] + "-"}
}

// Writes are the calls after number that change something and name one of the marks, as "Action" and parameters.
func Writes(c *harness.Cluster, after uint64, marks ...string) []string {
	var all []string
	for _, call := range c.Calls(after) {
		if text := parameters(call); !isRead(call.Action) && containsAny(text, marks) {
			all = append(all, call.Action+" "+text)
		}
	}
	return all
}

// Count is how many calls of the action after number name one of the marks; of any action if it is empty.
func Count(c *harness.Cluster, after uint64, action string, marks ...string) int {
	n := 0
	for _, call := range c.Calls(after) {
		if (action == "" || call.Action == action) && containsAny(parameters(call), marks) {
			n++
		}
	}
	return n
}

func parameters(call gate.Call) string {
	text, err := json.Marshal(call.Input)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func isRead(action string) bool {
	for _, prefix := range []string{"Describe", "List", "Get", "AssumeRole"} {
		if strings.HasPrefix(action, prefix) {
			return true
		}
	}
	return false
}

func containsAny(text string, marks []string) bool {
	for _, m := range marks {
		if strings.Contains(text, m) {
			return true
		}
	}
	return false
}
