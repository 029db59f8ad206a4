package node

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// mounted are files of volumes by their paths in the container. A path is the same file in all containers of a pod.
type mounted map[string][]byte

// mount reads the files that programs and those of known images use. As with a kubelet, the pod does not start before
// the Secrets and ConfigMaps of these volumes exist; files do not change under a stand-in that runs. It returns when
// the pod is being deleted, too.
func (w *worker) mount(ctx context.Context) (mounted, error) {
	for reported := ""; ; {
		pod := w.current()
		if pod.DeletionTimestamp != nil {
			return nil, nil
		}
		files, err := w.read(ctx, pod)
		if err == nil {
			return files, nil
		}
		if text := err.Error(); text != reported {
			reported = text
			w.fleet.options.Logf("pod %s/%s: waits for its volumes: %v", pod.Namespace, pod.Name, err)
		}
		if !retry(ctx) {
			return nil, ctx.Err()
		}
	}
}

func (w *worker) read(ctx context.Context, pod *corev1.Pod) (mounted, error) {
	files := mounted{}
	for _, c := range pod.Spec.Containers {
		if launcher := w.fleet.options.Launcher; !isEchoBasic(c) && (launcher == nil || !launcher.Runs(pod, c)) {
			continue
		}
		for _, m := range c.VolumeMounts {
			for _, v := range pod.Spec.Volumes {
				if v.Name != m.Name {
					continue
				}
				content, err := w.volume(ctx, pod.Namespace, v)
				if err != nil {
					return nil, err
				}
				for name, data := range content {
					switch {
					case m.SubPath == "":
						files[path.Join(m.MountPath, name)] = data
					case m.SubPath == name:
						files[m.MountPath] = data
					case strings.HasPrefix(name, m.SubPath+"/"):
						files[path.Join(m.MountPath, strings.TrimPrefix(name, m.SubPath+"/"))] = data
					}
				}
			}
		}
	}
	return files, nil
}

// volume are the files of a volume of a Secret or a ConfigMap; other volumes are empty.
func (w *worker) volume(ctx context.Context, namespace string, v corev1.Volume) (map[string][]byte, error) {
	data := map[string][]byte{}
	var items []corev1.KeyToPath
	core := w.fleet.options.Client.CoreV1()
	switch {
	case v.Secret != nil:
		s, err := core.Secrets(namespace).Get(ctx, v.Secret.SecretName, metav1.GetOptions{})
		if err != nil {
			return nil, optional(v.Secret.Optional, err)
		}
		data, items = s.Data, v.Secret.Items
	case v.ConfigMap != nil:
		m, err := core.ConfigMaps(namespace).Get(ctx, v.ConfigMap.Name, metav1.GetOptions{})
		if err != nil {
			return nil, optional(v.ConfigMap.Optional, err)
		}
		for name, text := range m.Data {
			data[name] = []byte(text)
		}
		for name, content := range m.BinaryData {
			data[name] = content
		}
		items = v.ConfigMap.Items
	}
	if len(items) == 0 {
		return data, nil
	}
	chosen := map[string][]byte{}
	for _, item := range items {
		content, ok := data[item.Key]
		if !ok {
			return nil, fmt.Errorf("volume %s: references non-existent key %s", v.Name, item.Key)
		}
		chosen[item.Path] = content
	}
	return chosen, nil
}

// mounts reports whether a pod has volumes whose files may change.
func mounts(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Secret != nil || v.ConfigMap != nil
	})
}

// refreshInterval is how often volumes of programs are read again. Kubelets take up to two minutes, for which a user
// would wait in vain here.
const refreshInterval = time.Second

// refresh writes what Secrets and ConfigMaps contain now to the volumes of the pod's programs, until ctx ends. Of those
// that are gone the files stay, as with a kubelet.
func (w *worker) refresh(ctx context.Context, files mounted) {
	for sleep.For(ctx, refreshInterval) == nil {
		pod := w.current()
		now, err := w.read(ctx, pod)
		if err != nil || maps.EqualFunc(now, files, bytes.Equal) {
			continue
		}
		files = now
		for _, p := range w.programs {
			if err := p.mount(files); err != nil {
				w.fleet.options.Logf("pod %s/%s: volumes: %v", pod.Namespace, pod.Name, err)
			}
		}
	}
}

// optional is no error if what a volume names is missing and may be.
func optional(may *bool, err error) error {
	if may != nil && *may && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
