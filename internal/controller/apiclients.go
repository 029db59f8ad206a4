package controller

import (
	"errors"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

// apiClients are clients of the groups of the API that the controller calls besides its caches. client-go's clientset
// would link, and make at every start, a client of each of some fifty groups. hack/importgraph tests that no package of
// ours imports the clientset.
type apiClients struct {
	core          *corev1client.CoreV1Client
	authorization *authorizationclient.AuthorizationV1Client
	discovery     *discovery.DiscoveryClient
}

func newAPIClients(rc *rest.Config, hc *http.Client) (*apiClients, error) {
	ofCore := rest.CopyConfig(rc)
	ofCore.ContentType = runtime.ContentTypeProtobuf // as controller-runtime's clients have it for built-in kinds
	core, coreErr := corev1client.NewForConfigAndClient(ofCore, hc)
	authorization, authorizationErr := authorizationclient.NewForConfigAndClient(rc, hc)
	kinds, discoveryErr := discovery.NewDiscoveryClientForConfigAndClient(rc, hc)
	return &apiClients{core: core, authorization: authorization, discovery: kinds}, errors.Join(coreErr, authorizationErr,
		discoveryErr)
}

// CoreV1 returns what packages ask for that read or write objects of the core group.
func (c *apiClients) CoreV1() corev1client.CoreV1Interface { return c.core }
