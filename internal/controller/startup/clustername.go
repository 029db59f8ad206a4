package startup

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// page is how many LoadBalancer objects are read at a time.
const page = 100

// ClusterName is a condition if the LoadBalancer objects of a namespace (empty: of all) were written under other
// cluster names only. A controller with another name knows nothing of what exists: it would create each load balancer
// again, and leave the former ones without an owner. Objects that name no cluster, and a kind that is not served or may
// not be read, decide nothing. One object of the name suffices, whichever others there are: users may have forged them.
func (s *Server) ClusterName(ctx context.Context, name, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	var seen []v1alpha1.LoadBalancer // no more of each than decides
	for next := ""; ; {
		list, err := loadBalancers(ctx, s.Client, namespace, next)
		if err != nil {
			return s.condition(err)
		}
		for i := range list.Items {
			o := &list.Items[i]
			if o.Status.Cluster == name {
				return nil
			}
			seen = append(seen, v1alpha1.LoadBalancer{
				ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name},
				Status:     v1alpha1.LoadBalancerStatus{Cluster: o.Status.Cluster}})
		}
		if next = list.Continue; next == "" {
			break
		}
	}
	if text := OtherClusterName(seen, name); text != "" {
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

// loadBalancers are some of the LoadBalancer objects of a namespace, from a token of an earlier answer on; none where
// the kind is not served or may not be read.
func loadBalancers(ctx context.Context, c rest.Interface, namespace, from string) (list v1alpha1.LoadBalancerList,
	err error) {
	in := "/apis/" + v1alpha1.GroupVersion.String()
	if namespace != "" {
		in = path.Join(in, "namespaces", namespace)
	}
	ask := c.Get().AbsPath(in, "loadbalancers").Param("limit", strconv.Itoa(page))
	if from != "" {
		ask = ask.Param("continue", from)
	}
	raw, err := ask.Do(ctx).Raw()
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return list, nil
	}
	if err != nil {
		return list, err
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return list, fmt.Errorf("reading LoadBalancer objects: %w", err)
	}
	return list, nil
}
