DELETE FROM blob_owners WHERE digest = :digest;
