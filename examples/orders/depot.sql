-- What the shipping service knows of each parcel, and the last task that told it so.
CREATE TABLE parcels (
    id bigint PRIMARY KEY,
    plan text NOT NULL,
    task bigint NOT NULL
);
