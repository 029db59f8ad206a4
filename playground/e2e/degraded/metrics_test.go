package degraded

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// scrapers are ServiceAccounts, of which one may read metrics, and the rights that the controller needs to find this
// out.
const scrapers = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: scraper, namespace: kube-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: bystander, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-metrics-reader}
rules:
- {nonResourceURLs: [/metrics], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-metrics-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-metrics-reader}
subjects:
- {kind: ServiceAccount, name: scraper, namespace: kube-system}
`

const reviewer = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: e2e-metrics-reviewer}
rules:
- {apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]}
- {apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: e2e-metrics-reviewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: e2e-metrics-reviewer}
subjects:
- {kind: ServiceAccount, name: aws-load-balancer-controller, namespace: kube-system}
`

// tokenOf is a token of a ServiceAccount in kube-system.
func tokenOf(t *testing.T, c *harness.Cluster, account string) string {
	t.Helper()
	r, err := c.Client.CoreV1().ServiceAccounts("kube-system").CreateToken(t.Context(), account,
		&authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Status.Token
}

// TestSecureMetricsAdmitPermittedClients shows that the API server decides who reads the metrics
// of a process with --metrics-secure.
func TestSecureMetricsAdmitPermittedClients(t *testing.T) {
	c := playground(t)
	c.Apply(t, scrapers)
	p := c.StartProcess(t, keys(newCloud(t, c)), region, vpc, alone, "--metrics-secure")
	url := strings.Replace(p.Metrics, "http:", "https:", 1) + "/metrics"
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	read := func(token string, want int) {
		t.Helper()
		c.WaitFor(t, fmt.Sprintf("status %d of the metrics", want), func(ctx context.Context) error {
			q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			if token != "" {
				q.Header.Set("Authorization", "Bearer "+token)
			}
			resp, err := client.Do(q)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err == nil && (resp.StatusCode != want || strings.Contains(string(body), "lbc_build_info") != (want == 200)) {
				err = fmt.Errorf("%s: %.200s", resp.Status, body)
			}
			return err
		})
	}
	scraper, bystander := tokenOf(t, c, "scraper"), tokenOf(t, c, "bystander")
	read("", 401)
	read(scraper, 500) // the controller may not ask yet
	c.Apply(t, reviewer)
	read(scraper, 200)
	read(bystander, 403)
	read(scraper+"x", 500)
	if n := logged(t, p, "Authentication failed"); n == 0 {
		t.Error("no line of the log says that the rights are missing")
	}
}
