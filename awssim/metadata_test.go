package awssim

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// What the SDK's providers read, they read by name: these are the names.
func TestDocumentsForInstancesAndPodsHaveAWSsFields(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: guarded(t)})
	ask := func(method, path string, header map[string]string) (http.Header, []byte) {
		t.Helper()
		r := wanted(http.NewRequestWithContext(t.Context(), method, s.url+path, nil))(t)
		for k, v := range header {
			r.Header.Set(k, v)
		}
		resp := wanted(s.http.Do(r))(t)
		body := wanted(io.ReadAll(resp.Body))(t)
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s, %v", path, resp.Status, body, err)
		}
		return resp.Header, body
	}
	header, token := ask(http.MethodPut, "/latest/api/token", map[string]string{
		"x-aws-ec2-metadata-token-ttl-seconds": "300"})
	if got := header.Get("x-aws-ec2-metadata-token-ttl-seconds"); got != "300" {
		t.Errorf("the token lives %q seconds", got)
	}
	pod := bearer("https://kubernetes", "pods.eks.amazonaws.com", "lbc", time.Now().Add(time.Hour))
	for path, want := range map[string]struct {
		header map[string]string
		names  []string
		values map[string]string
	}{
		"/latest/dynamic/instance-identity/document": {
			map[string]string{"x-aws-ec2-metadata-token": string(token)},
			[]string{"region", "availabilityZone", "accountId", "instanceId", "imageId", "instanceType", "privateIp",
				"architecture", "pendingTime", "version"},
			map[string]string{"version": "2017-09-30", "region": "us-west-2", "privateIp": "10.0.128.10"},
		},
		"/latest/meta-data/iam/security-credentials/nodes": {
			map[string]string{"x-aws-ec2-metadata-token": string(token)},
			[]string{"Code", "Type", "AccessKeyId", "SecretAccessKey", "Token", "Expiration", "LastUpdated"},
			map[string]string{"Code": "Success", "Type": "AWS-HMAC"},
		},
		"/v1/credentials": {
			map[string]string{"Authorization": pod}, []string{"AccessKeyId", "SecretAccessKey", "Token", "AccountId",
				"Expiration"}, map[string]string{"AccountId": "123456789012"},
		},
	} {
		_, body := ask(http.MethodGet, path, want.header)
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for _, name := range want.names {
			if _, ok := got[name]; !ok {
				t.Errorf("%s has no %s: %s", path, name, body)
			}
		}
		for name, value := range want.values {
			if got[name] != value {
				t.Errorf("%s: %s is %v, want %s", path, name, got[name], value)
			}
		}
	}
	for _, session := range s.Account.Sessions {
		if len(session.Transitive) == 0 {
			continue
		}
		for _, tag := range []string{"eks-cluster-arn", "eks-cluster-name", "kubernetes-namespace",
			"kubernetes-service-account", "kubernetes-pod-name", "kubernetes-pod-uid"} {
			if session.Tags[tag] == "" || !slices.Contains(session.Transitive, tag) {
				t.Errorf("the pod's session lacks the transitive tag %s: %+v", tag, session.Tags)
			}
		}
		return
	}
	t.Error("the pod has no session")
}
