use crate::machine::slab::Key;
use std::marker::PhantomData;

/// What belongs to the keys of one of the machine's slabs. The machine says which keys are valid.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    values: Vec<Option<V>>,
    _key: PhantomData<fn(K)>,
}

impl<K, V> Table<K, V> {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), _key: PhantomData }
    }

    pub(super) fn set(&mut self, key: Key<K>, value: V) {
        let index = key.index();
        if self.values.len() <= index {
            self.values.resize_with(index + 1, || None);
        }
        self.values[index] = Some(value);
    }

    #[inline]
    pub(super) fn get(&self, key: Key<K>) -> Option<&V> {
        self.values.get(key.index())?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key<K>) -> Option<&mut V> {
        self.values.get_mut(key.index())?.as_mut()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter().flatten()
    }

    pub(super) fn take(&mut self, key: Key<K>) -> Option<V> {
        self.values.get_mut(key.index())?.take()
    }
}
