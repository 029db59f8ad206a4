package chart

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// lines are those of a text.
func lines(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// TestRow12KubectlPrintsTheLogsOfTheController shows that the kubectl logs commands of the guides
// print the controller's logs, by pod, label and Deployment.
func TestRow12KubectlPrintsTheLogsOfTheController(t *testing.T) {
	c := start(t)
	rolledOut(t, c, "kube-system", installation)
	leader := waitLeader(t, c)
	const byLabel = "app.kubernetes.io/name=" + installation
	first := lines(c.Kubectl(t, "logs", "-n", "kube-system", "deployment/"+installation))[0]
	for _, key := range []string{`"GitVersion":`, `"GitCommit":`, `"BuildDate":`} {
		if !strings.Contains(first, key) {
			t.Errorf("%s is not in the first line: %s", key, first)
		}
	}
	pods := replicas(t, c, 2)
	of := map[string]string{}
	for _, pod := range pods {
		of[pod] = c.Kubectl(t, "logs", "-n", "kube-system", pod)
		if n := strings.Count(of[pod], `"GitVersion":`); n != 1 {
			t.Errorf("the log of pod %s has %d first lines", pod, n)
		}
		if last := c.Kubectl(t, "logs", "-n", "kube-system", pod, "--tail=1"); len(lines(last)) != 1 ||
			!strings.HasPrefix(last, "{") {
			t.Errorf("the last line: %q", last)
		}
	}
	if both := c.Kubectl(t, "logs", "-n", "kube-system", "-l", byLabel, "--prefix", "--tail=-1"); strings.Count(both,
		"[pod/"+pods[0]) == 0 || strings.Count(both, "[pod/"+pods[1]) == 0 {
		t.Errorf("logs by a label:\n%s", both)
	}

	// Each failed reconcile is a line with its object and cause. Those that follow a log read it when it is written, and
	// until the process ends. They read from the beginning, as nothing shows when they have begun.
	followed := make(chan string, len(pods))
	for _, pod := range pods {
		go func() {
			out, err := c.TryKubectl(t, "logs", "-n", "kube-system", pod, "-f")
			if err != nil {
				out += err.Error()
			}
			followed <- out
		}()
	}
	c.Apply(t, "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: logged, namespace: default, "+
		"annotations: {alb.ingress.kubernetes.io/subnets: subnet-absent}}\nspec: {ingressClassName: alb, defaultBackend: "+
		"{service: {name: web, port: {number: 80}}}}\n")
	failed := func(log string) bool {
		for _, line := range lines(log) {
			if strings.Contains(line, "default/logged") && strings.Contains(line, "subnet-absent") {
				return true
			}
		}
		return false
	}
	c.WaitFor(t, "the line about the Ingress", func(context.Context) error {
		if log := c.Kubectl(t, "logs", "-n", "kube-system", "-l", byLabel, "--tail=-1"); !failed(log) {
			return fmt.Errorf("it is not in\n%s", log)
		}
		return nil
	})
	if err := c.Env.KillReplica(leader); err != nil {
		t.Fatal(err)
	}
	if out := <-followed; !failed(out) {
		t.Errorf("who follows the log of the leader reads\n%s", out)
	}
	c.WaitFor(t, "the former log", func(context.Context) error {
		for _, pod := range pods {
			if out, err := c.TryKubectl(t, "logs", "-n", "kube-system", pod, "--previous"); err == nil && failed(out) {
				return nil
			}
		}
		return errors.New("no pod has one with the line")
	})
	if out, err := c.TryKubectl(t, "logs", "-n", "kube-system", pods[0], "--since=1h"); err == nil ||
		!strings.Contains(out+err.Error(), "the playground stores no times of log lines") {
		t.Errorf("kubectl logs --since: %s %v", out, err)
	}
	if out, err := c.TryKubectl(t, "exec", "-n", "kube-system", pods[0], "--", "ls"); err == nil ||
		!strings.Contains(out+err.Error(), "containers are stand-ins here") {
		t.Errorf("kubectl exec: %s %v", out, err)
	}
	c.Kubectl(t, "delete", "ingress", "-n", "default", "logged", "--timeout="+harness.Timeout.String())
	rolledOut(t, c, "kube-system", installation)
	waitLeader(t, c)
}
