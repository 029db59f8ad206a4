package startup

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// named is how many LoadBalancer objects are asked which cluster they are of.
const named = 100

// ClusterName is a condition if the LoadBalancer objects of a namespace (empty: of all) were written under other
// cluster names only. A controller with another name knows nothing of what exists: it would create each load balancer
// again, and leave the former ones without an owner. Objects that name no cluster, and a kind that is not served or may
// not be read, decide nothing.
func (s *Server) ClusterName(ctx context.Context, name, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	list, err := loadBalancers(ctx, s.Client, namespace)
	if err != nil {
		return s.condition(err)
	}
	if text := OtherClusterName(list, name); text != "" {
		return impairment.Condition{Reason: impairment.ClusterName, Text: text, Remedy: impairment.KeepClusterName}
	}
	return nil
}

// OtherClusterName is the sentence that LoadBalancer objects were written under other names of the cluster only; empty
// if one has the name, or none has any.
func OtherClusterName(list []v1alpha1.LoadBalancer, name string) string {
	var other *v1alpha1.LoadBalancer
	others := 0
	for i := range list {
		switch list[i].Status.Cluster {
		case "":
		case name:
			return ""
		default:
			if others++; other == nil {
				other = &list[i]
			}
		}
	}
	if other == nil {
		return ""
	}
	text := fmt.Sprintf("--cluster-name is %s, but the controller created LoadBalancer %s/%s under the name %s", name,
		other.Namespace, other.Name, other.Status.Cluster)
	if others > 1 {
		text += fmt.Sprintf(" (%d objects in all)", others)
	}
	return text
}

// loadBalancers are some of the LoadBalancer objects of a namespace; none where the kind is not served or may not be
// read.
func loadBalancers(ctx context.Context, c rest.Interface, namespace string) ([]v1alpha1.LoadBalancer, error) {
	in := "/apis/" + v1alpha1.GroupVersion.String()
	if namespace != "" {
		in = path.Join(in, "namespaces", namespace)
	}
	raw, err := c.Get().AbsPath(in, "loadbalancers").Param("limit", strconv.Itoa(named)).Do(ctx).Raw()
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list v1alpha1.LoadBalancerList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("reading LoadBalancer objects: %w", err)
	}
	return list.Items, nil
}
