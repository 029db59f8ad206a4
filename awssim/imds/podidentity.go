package imds

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/iam"
	"github.com/k8s-lbc/lbc/awssim/token"
)

// podLife is how long the credentials of a pod are valid.
const podLife = 6 * time.Hour

// podAudience is what pods' tokens for the agent are for.
const podAudience = "pods.eks.amazonaws.com"

// longestSessionName is a number of characters.
const longestSessionName = 64

// PodIdentity is the agent of EKS Pod Identity on GET /v1/credentials: it gives the bearer of a service account's token
// the role that the service account is associated with.
type PodIdentity struct{ account *account.Account }

// NewPodIdentity is the agent for the account's clusters.
func NewPodIdentity(a *account.Account) *PodIdentity { return &PodIdentity{a} }

// ServeHTTP answers one request for credentials.
func (p *PodIdentity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	credentials, err := p.credentials(r)
	status := http.StatusOK
	var body any = credentials
	if err != nil {
		status, body = err.Status, map[string]string{"code": err.Code, "message": err.Message}
	}
	text, marshalErr := json.Marshal(body)
	if marshalErr != nil {
		http.Error(w, marshalErr.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that went away needs no answer
}

// podCredentials are what the SDK reads from the endpoint.
type podCredentials struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	AccountID       string `json:"AccountId"`
	Expiration      time.Time
}

// credentials opens a session for the bearer. EKS Auth API Reference, AssumeRoleForPodIdentity, for the errors.
func (p *PodIdentity) credentials(r *http.Request) (*podCredentials, *apierr.Error) {
	if r.Method != http.MethodGet {
		return nil, apierr.WithStatus(http.StatusMethodNotAllowed, "InvalidRequestException", "use GET, not %s", r.Method)
	}
	given := r.Header.Get("Authorization")
	if given == "" {
		return nil, apierr.New("InvalidRequestException", "Service account token cannot be empty")
	}
	claims, err := token.Read(given)
	if err != nil {
		return nil, apierr.New("InvalidTokenException", "The token is not a service account token: %v", err)
	}
	a := p.account
	a.Lock()
	defer a.Unlock()
	switch provider := a.Providers[strings.TrimPrefix(claims.Issuer, "https://")]; {
	case !slices.Contains(claims.Audiences, podAudience):
		return nil, apierr.New("InvalidTokenException", "The token is for %v, not for %s", []string(claims.Audiences),
			podAudience)
	case claims.Expires != 0 && a.Clock.Now().After(time.Unix(claims.Expires, 0)):
		return nil, apierr.New("ExpiredTokenException", "The token is expired")
	case provider != nil && provider.Keys != nil:
		if err := token.Verify(given, provider.Keys); err != nil {
			return nil, apierr.New("InvalidTokenException", "The token's signature is invalid: %v", err)
		}
	}
	return p.open(claims)
}

// open opens a session of the role that the bearer's service account is associated with. EKS User Guide, "Grant Pods
// access to AWS resources based on tags", for the session's tags.
func (p *PodIdentity) open(claims token.Claims) (*podCredentials, *apierr.Error) {
	a := p.account
	namespace, name := claims.Kubernetes.Namespace, claims.Kubernetes.ServiceAccount.Name
	i := slices.IndexFunc(a.Pods, func(p account.PodIdentity) bool {
		return p.Namespace == namespace && p.ServiceAccount == name
	})
	if i < 0 {
		return nil, apierr.WithStatus(http.StatusNotFound, "ResourceNotFoundException",
			"No association found for service account %s/%s", namespace, name)
	}
	association := a.Pods[i]
	role := a.Roles[association.Role]
	pod := claims.Kubernetes.Pod
	tags := map[string]string{
		"eks-cluster-arn": fmt.Sprintf("arn:%s:eks:%s:%s:cluster/%s", a.Partition, a.Region, a.ID,
			association.Cluster),
		"eks-cluster-name":           association.Cluster,
		"kubernetes-namespace":       namespace,
		"kubernetes-service-account": name,
		"kubernetes-pod-name":        pod.Name,
		"kubernetes-pod-uid":         pod.UID,
	}
	asked := iam.AssumeRequest{Role: a.IAMARN("role/" + association.Role), Actions: []string{
		"sts:AssumeRole", "sts:TagSession"}, Tags: tags}
	if err := iam.MayServiceAssume(a, podAudience, role, asked); err != nil {
		return nil, apierr.New("AccessDeniedException", "Unauthorized Exception! EKS does not have permissions to assume "+
			"the associated role.")
	}
	session := a.NewRoleSession(association.Role, sessionName(association.Cluster, pod.Name, a.NewUUID()), podLife)
	session.Tags = tags
	session.Transitive = slices.Sorted(maps.Keys(tags))
	return &podCredentials{
		AccessKeyID: session.AccessKey, SecretAccessKey: session.Secret, Token: session.Token, AccountID: a.ID,
		Expiration: session.Expires,
	}, nil
}

// sessionName is eks-CLUSTER-POD-UUID; when that is too long, the longer of cluster and pod is cut.
func sessionName(cluster, pod, uuid string) string {
	const dashes = len("eks---")
	for len(cluster)+len(pod) > longestSessionName-dashes-len(uuid) {
		if len(cluster) > len(pod) {
			cluster = cluster[:len(cluster)-1]
		} else {
			pod = pod[:len(pod)-1]
		}
	}
	return "eks-" + cluster + "-" + pod + "-" + uuid
}
